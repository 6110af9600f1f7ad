#include "collector/ingest/agent_session.h"

#include <algorithm>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "collector/ingest/entry.h"
#include "core/net/run_on.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)

constexpr std::chrono::milliseconds kFarewell{1000};

// When an agent that found the store unreadable is to try again.
constexpr std::uint32_t kStoreRetryMs = 5000;

// Acks and heartbeats that wait for a peer that does not read: four thousand acks.
constexpr std::size_t kMaxWaiting = std::size_t{128} << 10;

}  // namespace

AgentSession::AgentSession(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls,
                           SessionWorld& world)
    : tls_(std::move(tls)),
      world_(world),
      connection_(std::move(socket), *tls_),
      outbox_(connection_, connection_.executor(), kMaxWaiting),
      uploads_(world, outbox_, about_, connection_.executor()),
      pushes_(world, outbox_, about_, connection_.executor()) {
  uploads_.on_slow_reader([this] {
    world_.refuse("slow-reader");
    connection_.abort();
  });
}

asio::awaitable<bool> AgentSession::shake_hands() {
  const auto secured = co_await connection_.handshake(world_.options.handshake_within);
  if (!secured) {
    world_.refuse(to_string(secured.error().fault));
    co_await connection_.finish(kFarewell);
  }
  co_return secured.has_value();
}

asio::awaitable<void> AgentSession::run() {
  const auto self = shared_from_this();
  const bool known = co_await identify();
  if (known && asleep_) {
    co_await let_in();
  } else if (known) {
    world_.admit(*this);
    const bool greeted = co_await greet();
    if (greeted) {
      co_await (read_all() && write_all());
    }
  }
  stop();
  co_await connection_.finish(kFarewell);
}

// identify takes the agent's name from its certificate and judges whether it may come in.
asio::awaitable<bool> AgentSession::identify() {
  const auto certificate = connection_.peer_certificate();
  about_.agent = certificate ? certificate->common_name() : std::string{};
  about_.resumed = connection_.resumed();
  Entry entry = judge_entry(certificate, world_);
  certificate_expires_ = entry.certificate_expires;
  asleep_ = entry.asleep;
  if (entry.refused.empty()) {
    co_return true;
  }
  world_.refuse(entry.refused);
  if (entry.told) {
    co_await refuse_with(std::move(*entry.told));
  }
  co_return false;
}

asio::awaitable<void> AgentSession::refuse_with(wire::Error error) {
  wire::Envelope last_word = std::move(error);
  static_cast<void>(co_await send(connection_, std::move(last_word), world_.options.write_within));
}

// let_in answers an agent whose certificate has expired: it may ask for a new one, and nothing
// else.
asio::awaitable<void> AgentSession::let_in() {
  auto received = co_await receive(connection_, wire::kMaxHelloFrameBytes,
                                   world_.options.handshake_within, world_.options.message_within);
  auto* request = received ? std::get_if<wire::RenewRequest>(&*received) : nullptr;
  wire::Envelope answer = expired_error();
  if (request != nullptr) {
    auto work = [this, request] { return world_.registry.let_in(about_.agent, request->csr); };
    auto chain = co_await run_on(world_.pool, work);
    if (chain) {
      wire::RenewReply reply;
      reply.chain = chain_to_der(*chain);
      answer = std::move(reply);
    } else {
      answer = chain.error();
    }
  } else {
    world_.refuse(wire::to_string(wire::ErrorCode::certificate_expired));
  }
  static_cast<void>(co_await send(connection_, std::move(answer), world_.options.write_within));
}

// hear_hello awaits the first message and holds it to what it must be; nullopt when it is not.
asio::awaitable<std::optional<wire::Hello>> AgentSession::hear_hello() {
  auto received = co_await receive(connection_, wire::kMaxHelloFrameBytes,
                                   world_.options.handshake_within, world_.options.message_within);
  wire::Error error;
  if (!received) {
    world_.refuse(to_string(received.error().fault));
    if (received.error().fault != NetFault::oversize &&
        received.error().fault != NetFault::bad_message) {
      co_return std::nullopt;
    }
    error = wire::Error{wire::ErrorCode::bad_message, received.error().text, 0};
  } else if (auto* hello = std::get_if<wire::Hello>(&*received)) {
    if (wire::choose_version(hello->versions)) {
      co_return std::move(*hello);
    }
    error = wire::Error{wire::ErrorCode::version,
                        "agent and collector have no protocol version in common", 0};
    world_.refuse(wire::to_string(error.code));
  } else {
    error = wire::Error{wire::ErrorCode::bad_message, "the first message must be a hello", 0};
    world_.refuse(wire::to_string(error.code));
  }
  co_await refuse_with(std::move(error));
  co_return std::nullopt;
}

asio::awaitable<bool> AgentSession::greet() {
  const std::optional<wire::Hello> hello = co_await hear_hello();
  if (!hello) {
    co_return false;
  }
  const wire::Hello& said = *hello;
  auto look_up = [this, &said] {
    return world_.registry.greeted(about_.agent, said.machine_hash, said.run);
  };
  const auto barred = co_await run_on(world_.pool, look_up);
  if (barred && *barred != Bar::none) {
    wire::Error error = error_of(*barred);
    world_.refuse(to_string(*barred));
    co_await refuse_with(std::move(error));
    co_return false;
  }
  auto read_cursor = [this] { return world_.sink.cursor(about_.agent); };
  const auto cursor = co_await run_on(world_.pool, read_cursor);
  if (!cursor) {
    world_.refuse("cursor-unavailable");
    wire::Error error{wire::ErrorCode::unavailable, "the collector cannot read its store right now",
                      kStoreRetryMs};
    co_await refuse_with(std::move(error));
    co_return false;
  }
  const WallTime now = world_.clock.wall();
  about_.version = hello->agent_version;
  about_.since = now;
  about_.heard = now;
  about_.clock_offset = hello->clock - now;
  about_.waiting = hello->last_sequence + 1 - hello->first_sequence;
  about_.pack_version = hello->pack_version;
  about_.policy_version = hello->policy_version;
  about_.overlay_version = hello->overlay_version;
  wire::HelloAck ack;
  ack.version = *wire::choose_version(hello->versions);
  if (*cursor) {
    ack.stored_epoch = (*cursor)->epoch;
    ack.resume_from = ack.stored_epoch == hello->epoch ? (*cursor)->sequence + 1 : 1;
  }
  ack.window = world_.options.window;
  ack.clock = now;
  ack.heartbeat_s = static_cast<std::uint32_t>(world_.options.heartbeat.count());
  ack.pack_version = world_.offer_of(wire::PushKind::rule_pack).version;
  ack.policy_version = world_.offer_of(wire::PushKind::policy).version;
  ack.overlay_version = world_.offer_of(wire::PushKind::overlay).version;
  ack.collector_version = GNOMON_VERSION;
  outbox_.post(ack);
  greeted_ = true;
  world_.changed(*this);
  world_.counters
      .counter("ingest_connections_total", "Agents greeted.",
               {{"resumed", about_.resumed ? "yes" : "no"}})
      .add();
  ask_unknowns();
  pushes_.begin(*hello, [this] {
    farewell_ = true;  // it is counted: the writer that ends with it must not count it again
    connection_.abort();
  });
  co_return true;
}

asio::awaitable<void> AgentSession::read_all() {
  const auto idle = std::chrono::milliseconds(world_.options.heartbeat) * 3;
  bool going = true;
  while (going && !ending_) {
    auto received =
        co_await receive(connection_, wire::kMaxFrameBytes, idle, world_.options.message_within);
    if (!received) {
      take_fault(received.error());
      break;
    }
    about_.heard = world_.clock.wall();
    if (about_.heard >= certificate_expires_) {
      world_.refuse(wire::to_string(wire::ErrorCode::certificate_expired));
      const wire::Error expired = expired_error();
      end(expired.code, expired.text.c_str());
      break;
    }
    going = co_await take(*std::move(received));
  }
  ending_ = true;
  stop();
}

void AgentSession::take_fault(const NetError& error) {
  if (!ending_ && error.fault != NetFault::closed) {
    world_.refuse(to_string(error.fault));
  }
  if (error.fault == NetFault::oversize) {
    end(wire::ErrorCode::over_limit, "a message was larger than the limit");
  } else if (error.fault == NetFault::bad_message) {
    end(wire::ErrorCode::bad_message, "a message could not be understood");
  } else if (error.fault == NetFault::timed_out) {
    end(wire::ErrorCode::going_away, "nothing was heard of the agent for too long");
  }
}

// take acts on one message; false ends the conversation.
asio::awaitable<bool> AgentSession::take(wire::Envelope message) {
  if (auto* upload = std::get_if<wire::Upload>(&message)) {
    co_await uploads_.take(shared_from_this(), std::move(*upload));
    co_return !ending_;
  }
  co_await uploads_.slow_down();
  if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&message)) {
    co_return take_heartbeat(*heartbeat);
  }
  if (auto* request = std::get_if<wire::RenewRequest>(&message)) {
    co_return co_await renew(std::move(*request));
  }
  if (const auto* reply = std::get_if<wire::PushReply>(&message)) {
    pushes_.replied(*reply);
    world_.changed(*this);
    co_return true;
  }
  if (auto* revealed = std::get_if<wire::RevealReply>(&message)) {
    if (world_.unknowns.answered) {
      world_.unknowns.answered(about_.agent, std::move(*revealed));
    }
    co_return true;
  }
  if (std::holds_alternative<wire::Error>(message)) {
    co_return false;
  }
  if (std::holds_alternative<wire::Unknown>(message)) {
    co_return true;
  }
  world_.refuse(to_string(NetFault::bad_message));
  end(wire::ErrorCode::bad_message, "a message was out of place");
  co_return false;
}

asio::awaitable<void> AgentSession::write_all() {
  const auto written = co_await outbox_.run(world_.options.write_within);
  if (!written) {
    // The deadline ended the reader's wait too, so that ending_ says nothing here.
    if (!farewell_ && written.error().fault == NetFault::timed_out) {
      world_.refuse("slow-reader");
    }
    ending_ = true;
    stop();
    connection_.abort();
  } else if (ending_) {
    // Everything is said; a reader that still waits would wait for the idle deadline.
    co_await connection_.finish(kFarewell);
  }
}

void AgentSession::stop() {
  outbox_.close();
  uploads_.stop();
  pushes_.stop();
}

void AgentSession::bar() {
  const wire::Error error = error_of(world_.registry.bar(about_.agent));
  end(error.code, error.text.c_str());
}

void AgentSession::end(wire::ErrorCode code, const char* text) {
  if (ending_) {
    return;
  }
  ending_ = true;
  farewell_ = true;
  outbox_.post(wire::Error{code, text, 0});
  stop();
  if (!greeted_) {
    connection_.close();
  }
}

asio::awaitable<bool> AgentSession::renew(wire::RenewRequest request) {
  if (!world_.renewal_rate.take(about_.agent, world_.clock.monotonic())) {
    world_.refuse("renewal-rate");
    end(wire::ErrorCode::throttled, "this agent asks for certificates too often");
    co_return false;
  }
  auto work = [this, &request] { return world_.registry.renew(about_.agent, request.csr); };
  auto chain = co_await run_on(world_.pool, work);
  if (!chain) {
    end(chain.error().code, "the certificate was not renewed");
    co_return false;
  }
  wire::RenewReply reply;
  reply.chain = chain_to_der(*chain);
  outbox_.post(reply);
  co_return true;
}

bool AgentSession::take_heartbeat(const wire::Heartbeat& heartbeat) {
  world_.tally.heartbeats.add();
  about_.waiting = heartbeat.waiting;
  about_.clock_offset = heartbeat.clock - world_.clock.wall();
  if (heartbeat.health) {
    about_.health = heartbeat.health;
  }
  world_.changed(*this);
  wire::Heartbeat answer;
  answer.clock = world_.clock.wall();
  if (!outbox_.post(answer)) {
    if (!ending_) {
      world_.refuse("slow-reader");
    }
    return false;
  }
  return true;
}

void AgentSession::ask_unknowns() {
  if (!greeted_ || ending_) {
    return;
  }
  if (world_.unknowns.policy) {
    const wire::UnknownsPolicy policy = world_.unknowns.policy();
    if (told_policy_ != policy) {
      told_policy_ = policy;
      outbox_.post(policy);
    }
  }
  if (world_.unknowns.question) {
    if (const auto question = world_.unknowns.question(about_.agent)) {
      outbox_.post(*question);
    }
  }
}

void AgentSession::offer() {
  if (greeted_ && !ending_) {
    pushes_.offer();
  }
}

}  // namespace gnomon
