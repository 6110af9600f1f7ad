#include "core/net/link.h"

#include <array>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

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
  std::vector<std::uint8_t> body(*length);
  const auto rest = co_await connection.read_exact(body, within);
  if (!rest) {
    co_return Failure{rest.error()};
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

asio::awaitable<Result<Ok, NetError>> Outbox::run(std::chrono::milliseconds within) {
  for (;;) {
    while (!frames_.empty()) {
      // One write for all that waits: an acknowledgement alone is smaller than its TLS record.
      std::string run;
      while (!frames_.empty()) {
        run += frames_.front();
        frames_.pop_front();
      }
      waiting_bytes_ = 0;
      auto written = co_await connection_.write(run, within);
      if (!written) {
        closed_ = true;
        co_return written;
      }
    }
    if (closed_) {
      co_return Ok{};
    }
    static_cast<void>(co_await changed_.async_wait(kAwait));
  }
}

}  // namespace gnomon
