#include "agent/uplink/conversation.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "core/log.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

constexpr milliseconds kFarewell{1000};

// Compressed bytes under way: bounds the agent's memory whatever window a collector grants.
constexpr std::size_t kMaxUnderWay = std::size_t{1} << 20;

bool is_about_us(wire::ErrorCode code) {
  return code == wire::ErrorCode::revoked || code == wire::ErrorCode::certificate_expired ||
         code == wire::ErrorCode::version || code == wire::ErrorCode::quarantined ||
         code == wire::ErrorCode::cloned;
}

bool is_about_us(NetFault fault) {
  return fault == NetFault::peer_refused || fault == NetFault::foreign_certificate ||
         fault == NetFault::expired_certificate || fault == NetFault::protocol_version;
}

std::uint32_t version_of(const std::function<std::uint32_t()>& hook) {
  return hook ? hook() : 0;
}

}  // namespace

UplinkCounters::UplinkCounters(Counters& counters)
    : sent(counters.counter("uplink_batches_sent_total", "Batches sent, repeats included.")),
      stored(counters.counter("uplink_batches_stored_total", "Batches the collector stored.")),
      refused(counters.counter("uplink_batches_refused_total",
                               "Batches the collector can never store.")),
      bytes(counters.counter("uplink_bytes_total", "Compressed bytes of batches sent.")),
      connects(counters.counter("uplink_connections_total", "Connections greeted.")),
      failures(counters.counter("uplink_failures_total", "Connections lost or refused.")) {}

Conversation::Conversation(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls,
                           UplinkWorld& world, const asio::any_io_executor& executor)
    : tls_(std::move(tls)),
      world_(world),
      connection_(std::move(socket), *tls_),
      outbox_(connection_, executor, 4 * kMaxUnderWay),
      wake_(executor) {
  world_.credentials.forget_request();
}

void Conversation::stop() {
  stopping_ = true;
  wake_.cancel();
  connection_.close();
}

void Conversation::fail(const NetError& error) {
  if (reason_.empty()) {
    reason_ = error.text;
    hopeless_ = is_about_us(error.fault);
  }
  over();
}

void Conversation::fail(const wire::Error& error) {
  reason_ = error.text.empty() ? std::string{to_string(error.code)} : error.text;
  hopeless_ = is_about_us(error.code);
  asked_to_wait_ = milliseconds{error.retry_after_ms};
  over();
}

void Conversation::over() {
  over_ = true;
  outbox_.close();
  wake_.cancel();
}

wire::Hello Conversation::hello() const {
  wire::Hello hello;
  hello.agent_version = GNOMON_VERSION;
  hello.machine_hash = world_.options.machine_hash;
  hello.run = world_.run;
  hello.epoch = world_.spool.epoch();
  hello.first_sequence = world_.spool.first_sequence();
  hello.last_sequence = world_.spool.last_sequence();
  hello.clock = world_.clock.wall();
  hello.pack_version = version_of(world_.hooks.pack_version);
  hello.policy_version = version_of(world_.hooks.policy_version);
  hello.overlay_version = version_of(world_.hooks.overlay_version);
  hello.takes_zstd = true;
  hello.part = world_.receiver.part();
  return hello;
}

asio::awaitable<bool> Conversation::greet() {
  const auto secured = co_await connection_.handshake(world_.options.handshake_within);
  if (!secured) {
    fail(secured.error());
    co_return false;
  }
  if (world_.credentials.must_ask_to_be_let_in()) {
    co_await ask_to_be_let_in();
    co_return false;
  }
  wire::Hello question = hello();
  const WallTime asked = question.clock;
  wire::Envelope message = std::move(question);
  // The answer is awaited even when the question could not be sent: a collector that refuses us
  // has said why before it closed.
  static_cast<void>(co_await send(connection_, std::move(message), world_.options.message_within));
  const auto received =
      co_await receive(connection_, wire::kMaxHelloFrameBytes, world_.options.handshake_within,
                       world_.options.message_within);
  if (!received) {
    fail(received.error());
    co_return false;
  }
  if (const auto* error = std::get_if<wire::Error>(&*received)) {
    fail(*error);
    if (error->code == wire::ErrorCode::certificate_expired && world_.credentials.tell_expired()) {
      hopeless_ = false;  // the next connection asks for a new one
    }
    co_return false;
  }
  const auto* ack = std::get_if<wire::HelloAck>(&*received);
  if (ack == nullptr || !wire::choose_version({ack->version})) {
    fail(NetError{NetFault::bad_message, "the collector's greeting makes no sense"});
    co_return false;
  }
  co_return take_greeting(*ack, asked);
}

bool Conversation::take_greeting(const wire::HelloAck& ack, WallTime asked) {
  const auto next = world_.spool.reconcile(ack.stored_epoch, ack.resume_from - 1);
  if (!next) {
    fail(NetError{NetFault::closed, next.error().text()});
    return false;
  }
  const WallTime answered = world_.clock.wall();
  world_.status.clock_offset = asked + (answered - asked) / 2 - ack.clock;
  world_.counters.connects.add();
  next_ = *next;
  window_ = ack.window;
  heartbeat_ = std::chrono::seconds{ack.heartbeat_s};
  return true;
}

// ask_to_be_let_in is all that an agent with an expired certificate may do. With the new one it
// comes back at once, perhaps into quarantine.
asio::awaitable<void> Conversation::ask_to_be_let_in() {
  wire::Envelope request = world_.credentials.ask();
  static_cast<void>(co_await send(connection_, std::move(request), world_.options.message_within));
  const auto received =
      co_await receive(connection_, wire::kMaxHelloFrameBytes, world_.options.handshake_within,
                       world_.options.message_within);
  if (!received) {
    fail(received.error());
  } else if (const auto* error = std::get_if<wire::Error>(&*received)) {
    fail(*error);
  } else if (const auto* renewed = std::get_if<wire::RenewReply>(&*received)) {
    reason_ = world_.credentials.take(*renewed)
                  ? "the certificate had expired, and was renewed"
                  : "the certificate has expired, and the new one cannot be taken";
    over();
  } else {
    fail(NetError{NetFault::bad_message, "the collector's answer makes no sense"});
  }
  connection_.close();
}

asio::awaitable<void> Conversation::run() {
  co_await (read_all() && send_all() && write_all());
}

// send_all keeps the window full, and speaks up when there is nothing to send.
asio::awaitable<void> Conversation::send_all() {
  MonotonicTime quiet_until = world_.clock.monotonic() + heartbeat_;
  while (!over_ && !stopping_) {
    if (stalled_ && in_flight_.empty()) {
      co_await wait_out();
      stalled_ = false;
      next_ = world_.spool.acknowledged() + 1;
      continue;
    }
    if (send_next()) {
      continue;
    }
    if (world_.credentials.is_due()) {
      outbox_.post(world_.credentials.ask());
    }
    const MonotonicTime now = world_.clock.monotonic();
    if (now >= quiet_until) {
      beat();
      quiet_until = now + heartbeat_;
    }
    wake_.expires_after(std::min<std::chrono::nanoseconds>(heartbeat_, quiet_until - now));
    static_cast<void>(co_await wake_.async_wait(kAwait));
  }
  over();
}

// wait_out lets a collector that cannot store alone for as long as it asked. News in the spool
// wakes, and must not shorten it.
asio::awaitable<void> Conversation::wait_out() {
  const auto until = asio::steady_timer::clock_type::now() + retry_after_;
  while (!over_ && !stopping_ && asio::steady_timer::clock_type::now() < until) {
    wake_.expires_at(until);
    static_cast<void>(co_await wake_.async_wait(kAwait));
  }
}

// send_next sends one batch when there is one and room in the window; true when the loop is to look
// again.
bool Conversation::send_next() {
  if (stalled_ || in_flight_.size() >= window_ || bytes_in_flight_ >= kMaxUnderWay) {
    return false;
  }
  const auto batch = world_.spool.next(next_);
  if (!batch) {
    fail(NetError{NetFault::closed, batch.error().text()});
    return true;
  }
  if (*batch) {
    upload(**batch);
  }
  return batch->has_value();
}

void Conversation::upload(const SpooledBatch& batch) {
  wire::Upload message;
  message.epoch = world_.spool.epoch();
  message.sequence = batch.sequence;
  message.first_sequence = batch.first_sequence;
  message.payload = batch.payload;
  in_flight_.push_back(InFlight{batch.sequence, batch.payload.size()});
  bytes_in_flight_ += batch.payload.size();
  next_ = batch.sequence + 1;
  outbox_.post(message);
  world_.counters.sent.add();
  world_.counters.bytes.add(batch.payload.size());
}

void Conversation::beat() {
  wire::Heartbeat heartbeat;
  heartbeat.clock = world_.clock.wall();
  heartbeat.waiting = world_.spool.waiting();
  if (world_.hooks.health) {
    heartbeat.health = world_.hooks.health();
  }
  outbox_.post(heartbeat);
}

asio::awaitable<void> Conversation::write_all() {
  const auto written = co_await outbox_.run(world_.options.message_within);
  if (!written && !over_) {
    // The reader may still find the collector's last word; it fails by itself otherwise.
    over();
  }
  if (written) {
    co_await connection_.finish(kFarewell);
  }
}

asio::awaitable<void> Conversation::read_all() {
  const milliseconds idle = heartbeat_ * 3;
  while (!over_ || reason_.empty()) {
    auto received =
        co_await receive(connection_, wire::kMaxFrameBytes, idle, world_.options.message_within);
    if (!received) {
      fail(received.error());
      break;
    }
    take(*received);
  }
  connection_.close();
}

void Conversation::take(const wire::Envelope& message) {
  if (const auto* ack = std::get_if<wire::Ack>(&message)) {
    take_ack(*ack);
  } else if (const auto* push = std::get_if<wire::Push>(&message)) {
    if (const auto reply = world_.receiver.take(*push)) {
      outbox_.post(*reply);
    }
  } else if (const auto* renewed = std::get_if<wire::RenewReply>(&message)) {
    static_cast<void>(world_.credentials.take(*renewed));
  } else if (const auto* policy = std::get_if<wire::UnknownsPolicy>(&message)) {
    if (world_.hooks.unknowns_policy) {
      world_.hooks.unknowns_policy(*policy);
    }
  } else if (const auto* question = std::get_if<wire::RevealRequest>(&message)) {
    if (world_.hooks.reveal) {
      outbox_.post(world_.hooks.reveal(*question));
    }
  } else if (const auto* error = std::get_if<wire::Error>(&message)) {
    fail(*error);
  } else if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&message)) {
    world_.status.clock_offset = world_.clock.wall() - heartbeat->clock;
  }
}

void Conversation::take_ack(const wire::Ack& ack) {
  if (in_flight_.empty() || ack.epoch != world_.spool.epoch() ||
      ack.sequence != in_flight_.front().sequence) {
    fail(NetError{NetFault::bad_message, "the collector acknowledged out of turn"});
    return;
  }
  bytes_in_flight_ -= in_flight_.front().bytes;
  in_flight_.pop_front();
  wake_.cancel();
  switch (ack.outcome) {
    case wire::Outcome::stored:
    case wire::Outcome::repeated:
      world_.counters.stored.add();
      world_.spool.acknowledge(ack.sequence);
      return;
    case wire::Outcome::refused:
      world_.counters.refused.add();
      log::warn("uplink.batch_refused", {{"sequence", ack.sequence}});
      world_.spool.acknowledge(ack.sequence);
      return;
    case wire::Outcome::unavailable:
      stalled_ = true;
      retry_after_ = milliseconds{std::clamp<std::uint32_t>(ack.retry_after_ms, 100, 60'000)};
      return;
    case wire::Outcome::out_of_order:
    case wire::Outcome::unspecified:
      // Behind a batch that could not be stored every later one is out of order: those are sent
      // again. Otherwise the two sides disagree, and a new hello settles it.
      if (!stalled_) {
        fail(NetError{NetFault::bad_message, "the collector misses a batch in between"});
      }
      return;
  }
}

}  // namespace gnomon
