#include "collector/ingest/agent_session.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

#include "core/file.h"
#include "core/log.h"
#include "core/net/crypto.h"
#include "core/net/run_on.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)

constexpr std::chrono::milliseconds kFarewell{1000};
constexpr std::uint32_t kRetryMs = 2000;

// Acks, heartbeats and pushes that wait for a peer that does not read. A whole rule pack must fit.
constexpr std::size_t kMaxWaiting = wire::kMaxPushBytes + (std::size_t{1} << 20);

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

std::string_view word(CommitOutcome outcome) {
  switch (outcome) {
    case CommitOutcome::stored:
      return "stored";
    case CommitOutcome::repeated:
      return "repeated";
    case CommitOutcome::out_of_order:
      return "out-of-order";
    case CommitOutcome::refused:
      return "refused";
    case CommitOutcome::unavailable:
      return "unavailable";
  }
  return "unavailable";
}

}  // namespace

void SessionWorld::refuse(std::string_view reason) const {
  counters
      .counter("ingest_refused_total", "Connections of agents refused or cut.",
               {{"reason", reason}})
      .add();
}

AgentSession::AgentSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls,
                           SessionWorld& world)
    : tls_(std::move(tls)),
      world_(world),
      home_(socket.get_executor()),
      connection_(std::move(socket), *tls_),
      outbox_(connection_, home_, kMaxWaiting),
      room_(home_) {}

asio::awaitable<void> AgentSession::run() {
  const auto self = shared_from_this();
  const bool known = co_await identify();
  if (known) {
    world_.admit(*this);
    const bool greeted = co_await greet();
    if (greeted) {
      co_await (read_all() && write_all());
    }
  }
  co_await connection_.finish(kFarewell);
}

// identify takes the agent's name from its certificate. OpenSSL has checked issuer and dates in a
// full handshake; a resumed one showed nothing, so dates and standing are asked here, always.
asio::awaitable<bool> AgentSession::identify() {
  const auto secured = co_await connection_.handshake(world_.options.handshake_within);
  if (!secured) {
    world_.refuse(to_string(secured.error().fault));
    co_return false;
  }
  const auto certificate = connection_.peer_certificate();
  about_.agent = certificate ? certificate->common_name() : std::string{};
  if (about_.agent.empty()) {
    world_.refuse(to_string(NetFault::no_certificate));
    co_return false;
  }
  about_.resumed = connection_.resumed();
  certificate_expires_ = certificate->not_after();
  wire::Error error;
  if (world_.clock.wall() >= certificate_expires_) {
    error = wire::Error{wire::ErrorCode::certificate_expired,
                        "the agent's certificate has expired: enrol it again", 0};
  } else if (world_.registry.is_denied(about_.agent)) {
    error = wire::Error{wire::ErrorCode::revoked, "this agent was revoked", 0};
  } else {
    co_return true;
  }
  world_.refuse(wire::to_string(error.code));
  static_cast<void>(co_await send(connection_, std::move(error), world_.options.write_within));
  co_return false;
}

asio::awaitable<bool> AgentSession::greet() {
  auto received = co_await receive(connection_, wire::kMaxHelloFrameBytes,
                                   world_.options.handshake_within, world_.options.message_within);
  std::optional<wire::Error> error;
  wire::Hello hello;
  std::optional<std::uint32_t> version;
  if (!received) {
    world_.refuse(to_string(received.error().fault));
    if (received.error().fault == NetFault::oversize ||
        received.error().fault == NetFault::bad_message) {
      error = wire::Error{wire::ErrorCode::bad_message, received.error().text, 0};
    }
  } else if (auto* said = std::get_if<wire::Hello>(&*received)) {
    hello = std::move(*said);
    version = wire::choose_version(hello.versions);
    if (!version) {
      error = wire::Error{wire::ErrorCode::version,
                          "agent and collector have no protocol version in common", 0};
      world_.refuse(wire::to_string(error->code));
    }
  } else {
    error = wire::Error{wire::ErrorCode::bad_message, "the first message must be a hello", 0};
    world_.refuse(wire::to_string(error->code));
  }
  if (!version) {
    if (error) {
      wire::Envelope last_word = std::move(*error);
      static_cast<void>(
          co_await send(connection_, std::move(last_word), world_.options.write_within));
    }
    co_return false;
  }
  auto read_cursor = [this] { return world_.sink.cursor(about_.agent); };
  const auto cursor = co_await run_on(world_.pool, read_cursor);
  if (!cursor) {
    world_.refuse("cursor-unavailable");
    wire::Envelope last_word = wire::Error{wire::ErrorCode::unavailable,
                                           "the collector cannot read its store right now", 5000};
    static_cast<void>(
        co_await send(connection_, std::move(last_word), world_.options.write_within));
    co_return false;
  }
  const WallTime now = world_.clock.wall();
  about_.version = hello.agent_version;
  about_.since = now;
  about_.heard = now;
  about_.clock_offset = hello.clock - now;
  about_.waiting = hello.last_sequence + 1 - hello.first_sequence;
  about_.pack_version = hello.pack_version;
  about_.policy_version = hello.policy_version;
  wire::HelloAck ack;
  ack.version = *version;
  if (*cursor) {
    stored_epoch_ = (*cursor)->epoch;
    ack.stored_epoch = stored_epoch_;
    ack.resume_from = stored_epoch_ == hello.epoch ? (*cursor)->sequence + 1 : 1;
  }
  ack.window = world_.options.window;
  ack.clock = now;
  ack.heartbeat_s = static_cast<std::uint32_t>(world_.options.heartbeat.count());
  ack.pack_version = world_.pack ? world_.pack->version : 0;
  ack.policy_version = world_.policy ? world_.policy->version : 0;
  ack.collector_version = GNOMON_VERSION;
  outbox_.post(ack);
  greeted_ = true;
  world_.changed(*this);
  world_.counters
      .counter("ingest_connections_total", "Agents greeted.",
               {{"resumed", about_.resumed ? "yes" : "no"}})
      .add();
  offer();
  co_return true;
}

asio::awaitable<void> AgentSession::read_all() {
  const auto idle = std::chrono::milliseconds(world_.options.heartbeat) * 3;
  bool going = true;
  while (going && !ending_) {
    auto received =
        co_await receive(connection_, wire::kMaxFrameBytes, idle, world_.options.message_within);
    if (!received) {
      const NetError& error = received.error();
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
      break;
    }
    about_.heard = world_.clock.wall();
    if (about_.heard >= certificate_expires_) {
      world_.refuse(wire::to_string(wire::ErrorCode::certificate_expired));
      end(wire::ErrorCode::certificate_expired,
          "the agent's certificate has expired: enrol it again");
      break;
    }
    if (auto* upload = std::get_if<wire::Upload>(&*received)) {
      going = co_await take_upload(std::move(*upload));
    } else if (auto* heartbeat = std::get_if<wire::Heartbeat>(&*received)) {
      going = take_heartbeat(*heartbeat);
    } else if (auto* request = std::get_if<wire::RenewRequest>(&*received)) {
      going = co_await renew(std::move(*request));
    } else if (auto* reply = std::get_if<wire::PushReply>(&*received)) {
      take_push_reply(*reply);
    } else if (std::holds_alternative<wire::Error>(*received)) {
      break;
    } else if (!std::holds_alternative<wire::Unknown>(*received)) {
      world_.refuse(to_string(NetFault::bad_message));
      end(wire::ErrorCode::bad_message, "a message was out of place");
      break;
    }
  }
  ending_ = true;
  outbox_.close();
  room_.cancel();
}

asio::awaitable<void> AgentSession::write_all() {
  const auto written = co_await outbox_.run(world_.options.write_within);
  if (!written) {
    ending_ = true;
    room_.cancel();
    connection_.close();
  } else if (ending_) {
    // Everything is said; a reader that still waits would wait for the idle deadline.
    co_await connection_.finish(kFarewell);
  }
}

void AgentSession::end(wire::ErrorCode code, const char* text) {
  if (ending_) {
    return;
  }
  ending_ = true;
  outbox_.post(wire::Error{code, text, 0});
  outbox_.close();
  room_.cancel();
  if (!greeted_) {
    connection_.close();
  }
}

asio::awaitable<void> AgentSession::wait_for_room() {
  while (!ending_ &&
         (under_way_ >= world_.options.window || bytes_under_way_ >= world_.options.window_bytes)) {
    room_.expires_at(asio::steady_timer::time_point::max());
    static_cast<void>(co_await room_.async_wait(kAwait));
  }
  const auto pause = world_.upload_rate.wait_for(about_.agent, world_.clock.monotonic());
  if (!ending_ && pause.count() > 0) {
    world_.counters.counter("ingest_throttled_total", "Waits for an agent that sends too fast.")
        .add();
    room_.expires_after(pause);
    static_cast<void>(co_await room_.async_wait(kAwait));
  }
  static_cast<void>(world_.upload_rate.take(about_.agent, world_.clock.monotonic()));
}

asio::awaitable<bool> AgentSession::take_upload(wire::Upload upload) {
  if (under_way_ > world_.options.window) {
    world_.refuse(wire::to_string(wire::ErrorCode::window));
    end(wire::ErrorCode::window, "more batches are under way than the window allows");
    co_return false;
  }
  auto plain = wire::decompress(bytes_of(upload.payload), kMaxBatchBytes);
  if (!plain) {
    // What cannot be unpacked can never be stored, but the agent must be able to go on: the sink
    // sees an empty batch that it refuses, and moves the cursor.
    world_.counters
        .counter("ingest_uploads_refused_total", "Uploads that could not be unpacked.",
                 {{"reason", to_string(plain.error())}})
        .add();
    plain = std::string("\xff", 1);
  }
  Upload handed;
  handed.id = BatchId{about_.agent, upload.epoch, upload.sequence};
  handed.first_sequence = upload.first_sequence;
  handed.received = world_.clock.wall();
  handed.encoded = *std::move(plain);
  const std::size_t bytes = upload.payload.size();
  world_.counters.counter("ingest_bytes_total", "Compressed bytes of uploads.").add(bytes);
  upload.payload.clear();
  ++under_way_;
  bytes_under_way_ += bytes;
  // The sink answers on a thread of its own, perhaps when this session is long over.
  world_.sink.submit(
      std::move(handed), [self = shared_from_this(), upload, bytes](CommitOutcome outcome) {
        asio::post(self->home_,
                   [self, upload, bytes, outcome] { self->committed(upload, bytes, outcome); });
      });
  co_await wait_for_room();
  co_return !ending_;
}

void AgentSession::committed(const wire::Upload& upload, std::size_t bytes, CommitOutcome outcome) {
  --under_way_;
  bytes_under_way_ -= bytes;
  room_.cancel();
  world_.counters
      .counter("ingest_batches_total", "Batches by what became of them.",
               {{"outcome", word(outcome)}})
      .add();
  wire::Ack ack{upload.epoch, upload.sequence, to_wire(outcome), 0};
  if (outcome == CommitOutcome::unavailable) {
    ack.retry_after_ms = kRetryMs;
  }
  if (!outbox_.post(ack) && !ending_) {
    world_.refuse("slow-reader");
    connection_.close();
  }
}

asio::awaitable<bool> AgentSession::renew(wire::RenewRequest request) {
  auto work = [this, &request] { return world_.registry.renew(about_.agent, request.csr); };
  auto chain = co_await run_on(world_.pool, work);
  if (!chain) {
    end(chain.error().code, "the certificate was not renewed");
    co_return false;
  }
  wire::RenewReply reply;
  for (const Certificate& certificate : *chain) {
    reply.chain.push_back(certificate.to_der());
  }
  outbox_.post(reply);
  co_return true;
}

bool AgentSession::take_heartbeat(const wire::Heartbeat& heartbeat) {
  about_.waiting = heartbeat.waiting;
  about_.clock_offset = heartbeat.clock - world_.clock.wall();
  if (heartbeat.health) {
    about_.health = heartbeat.health;
  }
  world_.changed(*this);
  wire::Heartbeat answer;
  answer.clock = world_.clock.wall();
  return outbox_.post(answer);
}

void AgentSession::take_push_reply(const wire::PushReply& reply) {
  world_.counters
      .counter("ingest_pushes_total", "Rule packs and policies taken or refused by agents.",
               {{"kind", wire::to_string(reply.kind)}, {"applied", reply.applied ? "yes" : "no"}})
      .add();
  if (reply.applied) {
    (reply.kind == wire::PushKind::policy ? about_.policy_version : about_.pack_version) =
        reply.version;
    world_.changed(*this);
  }
}

void AgentSession::offer() {
  if (!greeted_ || ending_) {
    return;
  }
  push(wire::PushKind::policy, world_.policy, pushed_policy_);
  push(wire::PushKind::rule_pack, world_.pack, pushed_pack_);
}

void AgentSession::push(wire::PushKind kind, const std::shared_ptr<const PushContent>& content,
                        std::uint32_t& pushed) {
  const std::uint32_t has =
      kind == wire::PushKind::policy ? about_.policy_version : about_.pack_version;
  if (!content || content->version <= std::max(has, pushed) || content->bytes.empty()) {
    return;
  }
  pushed = content->version;
  const std::string hash = sha256(content->bytes);
  for (std::size_t offset = 0; offset < content->bytes.size(); offset += wire::kMaxPushPiece) {
    wire::Push piece;
    piece.kind = kind;
    piece.version = content->version;
    piece.total_bytes = content->bytes.size();
    piece.offset = offset;
    piece.piece = content->bytes.substr(offset, wire::kMaxPushPiece);
    piece.sha256 = hash;
    outbox_.post(piece);
  }
}

}  // namespace gnomon
