#include "collector/ingest/upload_window.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "core/file.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kRetryMs = 2000;

// No encoded batch begins with this byte.
constexpr const char* kNoBatch = "\xff";

wire::Outcome to_wire(CommitOutcome outcome) {
  switch (outcome) {
    case CommitOutcome::stored:
      return wire::Outcome::stored;
    case CommitOutcome::repeated:
      return wire::Outcome::repeated;
    case CommitOutcome::out_of_order:
      return wire::Outcome::out_of_order;
    case CommitOutcome::refused:
      return wire::Outcome::refused;
    case CommitOutcome::unavailable:
      return wire::Outcome::unavailable;
  }
  return wire::Outcome::unavailable;
}

}  // namespace

UploadWindow::UploadWindow(SessionWorld& world, Outbox& outbox, const LiveAgent& about,
                           const asio::any_io_executor& executor)
    : world_(world), outbox_(outbox), about_(about), home_(executor), room_(executor) {}

asio::awaitable<void> UploadWindow::take(std::shared_ptr<const void> keep, wire::Upload upload) {
  const Sent sent{upload.epoch, upload.sequence, upload.payload.size()};
  Upload handed;
  handed.id = BatchId{about_.agent, upload.epoch, upload.sequence};
  handed.first_sequence = upload.first_sequence;
  handed.received = world_.clock.wall();
  // What cannot be unpacked can never be stored, but the agent must be able to go on: the sink
  // sees an empty batch that it refuses, and moves the cursor.
  if (auto plain = wire::decompress(bytes_of(upload.payload), kMaxBatchBytes)) {
    handed.encoded = *std::move(plain);
  } else {
    world_.counters
        .counter("ingest_uploads_refused_total", "Uploads that could not be unpacked.",
                 {{"reason", wire::to_string(plain.error())}})
        .add();
    handed.encoded = kNoBatch;
  }
  upload.payload = std::string{};
  world_.tally.bytes.add(sent.bytes);
  ++under_way_;
  bytes_under_way_ += sent.bytes;
  // The sink answers on a thread of its own, perhaps when this session is long over. `keep` moves
  // on to the I/O thread, where alone what it keeps may end.
  auto done = [this, home = home_, keep = std::move(keep), sent](CommitOutcome outcome) mutable {
    asio::post(home, [this, keep = std::move(keep), sent, outcome] { committed(sent, outcome); });
  };
  world_.sink.submit(std::move(handed), std::move(done));
  co_await wait_for_room();
  const MonotonicTime now = world_.clock.monotonic();
  const auto bytes = static_cast<double>(sent.bytes);
  const auto too_many = world_.upload_rate.spend(about_.agent, now);
  const auto too_much = world_.byte_rate.spend(about_.agent, now, bytes);
  co_await pause(std::max(too_many, too_much));
}

asio::awaitable<void> UploadWindow::slow_down() {
  const auto too_many = world_.message_rate.spend(about_.agent, world_.clock.monotonic());
  co_await pause(too_many);
}

asio::awaitable<void> UploadWindow::wait_for_room() {
  while (!stopped_ &&
         (under_way_ >= world_.options.window || bytes_under_way_ >= world_.options.window_bytes)) {
    room_.expires_at(asio::steady_timer::time_point::max());
    static_cast<void>(co_await room_.async_wait(kAwait));
  }
}

// pause ends early only when the window is stopped: acknowledgements wake it in between.
asio::awaitable<void> UploadWindow::pause(std::chrono::milliseconds time) {
  if (time.count() <= 0) {
    co_return;
  }
  world_.tally.throttled.add();
  const auto until = asio::steady_timer::clock_type::now() + time;
  while (!stopped_ && asio::steady_timer::clock_type::now() < until) {
    room_.expires_at(until);
    static_cast<void>(co_await room_.async_wait(kAwait));
  }
}

void UploadWindow::committed(const Sent& sent, CommitOutcome outcome) {
  --under_way_;
  bytes_under_way_ -= sent.bytes;
  room_.cancel();
  world_.tally.batch(outcome).add();
  wire::Ack ack{sent.epoch, sent.sequence, to_wire(outcome), 0};
  if (outcome == CommitOutcome::unavailable) {
    ack.retry_after_ms = kRetryMs;
  }
  if (!outbox_.post(ack) && !stopped_) {
    on_slow_reader_();
  }
}

void UploadWindow::stop() {
  stopped_ = true;
  room_.cancel();
}

}  // namespace gnomon
