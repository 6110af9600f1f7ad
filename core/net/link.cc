#include "core/net/link.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

// Small frames that travel together fill a TLS record or four.
constexpr std::size_t kMaxRun = std::size_t{64} << 10;

// A body is made room for as it comes: whoever announces a megabyte and sends none costs no more.
constexpr std::size_t kReadStep = std::size_t{64} << 10;

NetError wire_error(wire::WireError error) {
  if (error == wire::WireError::over_limit) {
    return {NetFault::oversize, "the peer sent more than a message may hold"};
  }
  return {NetFault::bad_message, "the peer sent a message that cannot be understood"};
}

}  // namespace

asio::awaitable<Result<wire::Envelope, NetError>> receive(TlsConnection& connection,
                                                          std::size_t limit,
                                                          std::chrono::milliseconds idle,
                                                          std::chrono::milliseconds within) {
  std::array<std::uint8_t, wire::kFrameHeaderBytes> header{};
  const auto first = co_await connection.read_exact(header, idle);
  if (!first) {
    co_return Failure{first.error()};
  }
  const auto length = wire::frame_length(header, limit);
  if (!length) {
    co_return Failure{wire_error(length.error())};
  }
  std::vector<std::uint8_t> body;
  const auto until = std::chrono::steady_clock::now() + within;
  while (body.size() < *length) {
    const std::size_t have = body.size();
    body.resize(std::min(*length, std::max(kReadStep, 2 * have)));
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    const std::span<std::uint8_t> room = std::span{body}.subspan(have);
    const auto patience = std::max(left, std::chrono::milliseconds{1});
    const auto rest = co_await connection.read_exact(room, patience);
    if (!rest) {
      co_return Failure{rest.error()};
    }
  }
  auto envelope = wire::decode(body);
  if (!envelope) {
    co_return Failure{wire_error(envelope.error())};
  }
  co_return *std::move(envelope);
}

asio::awaitable<Result<Ok, NetError>> send(TlsConnection& connection, wire::Envelope envelope,
                                           std::chrono::milliseconds within) {
  const std::string frame = wire::encode_frame(envelope);
  co_return co_await connection.write(frame, within);
}

Outbox::Outbox(TlsConnection& connection, const asio::any_io_executor& executor, std::size_t limit)
    : connection_(connection), changed_(executor), limit_(limit) {
  changed_.expires_at(asio::steady_timer::time_point::max());
}

bool Outbox::post(const wire::Envelope& envelope) {
  if (closed_ || waiting_bytes_ > limit_) {
    return false;
  }
  frames_.push_back(wire::encode_frame(envelope));
  waiting_bytes_ += frames_.back().size();
  changed_.cancel();
  return true;
}

void Outbox::close() {
  closed_ = true;
  changed_.cancel();
}

// take_run takes frames off the queue for one write: an acknowledgement alone is smaller than its
// TLS record.
std::string Outbox::take_run() {
  std::string run = std::move(frames_.front());
  frames_.pop_front();
  while (!frames_.empty() && run.size() + frames_.front().size() <= kMaxRun) {
    run += frames_.front();
    frames_.pop_front();
  }
  waiting_bytes_ -= run.size();
  return run;
}

asio::awaitable<Result<Ok, NetError>> Outbox::run(std::chrono::milliseconds within) {
  for (;;) {
    while (!frames_.empty()) {
      const std::string run = take_run();
      auto written = co_await connection_.write(run, within);
      if (!written) {
        closed_ = true;
        co_return written;
      }
    }
    if (closed_) {
      co_return Ok{};
    }
    if (const SharedFrame frame = source_ ? source_() : SharedFrame{}) {
      auto written = co_await connection_.write(*frame, within);
      if (!written) {
        closed_ = true;
        co_return written;
      }
      continue;
    }
    static_cast<void>(co_await changed_.async_wait(kAwait));
  }
}

}  // namespace gnomon
