#include "agent/uplink/uplink.h"

#include <algorithm>
#include <array>
#include <deque>
#include <exception>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agent/uplink/identity.h"
#include "agent/uplink/push_receiver.h"
#include "agent/uplink/sender.h"
#include "core/log.h"
#include "core/net/backoff.h"
#include "core/net/connect.h"
#include "core/net/crypto.h"
#include "core/net/link.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

constexpr milliseconds kFarewell{1000};

// How long an agent without an identity waits before it looks again.
constexpr milliseconds kLookAgain{5000};

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

}  // namespace

std::string_view to_string(UplinkState state) {
  constexpr std::array<std::string_view, 6> kWords = {"not-enrolled", "connecting", "connected",
                                                      "waiting",      "refused",    "stopped"};
  return kWords.at(static_cast<std::size_t>(state));
}

class Uplink::Impl {
 public:
  Impl(asio::io_context& io, FileSystem& files, Spool& spool, const Clock& clock,
       Counters& counters, UplinkOptions options, UplinkHooks hooks)
      : io_(io),
        files_(files),
        spool_(spool),
        clock_(clock),
        options_(std::move(options)),
        hooks_(std::move(hooks)),
        receiver_(files_, options_, hooks_),
        sent_(counters.counter("uplink_batches_sent_total", "Batches sent, repeats included.")),
        stored_(counters.counter("uplink_batches_stored_total", "Batches the collector stored.")),
        refused_(counters.counter("uplink_batches_refused_total",
                                  "Batches the collector can never store.")),
        bytes_(counters.counter("uplink_bytes_total", "Compressed bytes of batches sent.")),
        connects_(counters.counter("uplink_connections_total", "Connections greeted.")),
        failures_(counters.counter("uplink_failures_total", "Connections lost or refused.")),
        random_(std::random_device{}()),
        backoff_(options_.first_backoff, options_.max_backoff, random_()),
        pause_(io),
        wake_(io) {
    status_.since = clock_.wall();
  }

  void start() {
    asio::co_spawn(io_, run(), [](const std::exception_ptr& thrown) {
      if (thrown) {
        log::error("uplink.task_failed");
      }
    });
  }

  void stop() {
    stopping_ = true;
    pause_.cancel();
    wake_.cancel();
    if (talk_ != nullptr) {
      talk_->connection.close();
    }
  }

  void spooled() { wake_.cancel(); }

  const UplinkStatus& status() const { return status_; }

 private:
  // InFlight is a batch that was sent and not answered.
  struct InFlight {
    std::uint64_t sequence = 0;
    std::size_t bytes = 0;
  };

  // Talk is the state of one connection; it lives in serve()'s frame.
  struct Talk {
    Talk(asio::ip::tcp::socket socket, TlsContext& tls, const asio::any_io_executor& executor)
        : connection(std::move(socket), tls), outbox(connection, executor, 4 * kMaxUnderWay) {}

    TlsConnection connection;
    Outbox outbox;
    std::uint32_t window = 1;
    milliseconds heartbeat{60'000};
    std::uint64_t next = 1;
    std::deque<InFlight> in_flight;
    std::size_t bytes_in_flight = 0;
    bool stalled = false;               // the collector cannot store right now
    milliseconds retry_after{0};        // how long it asked us to wait
    std::optional<PrivateKey> renewal;  // the key a renewal was asked for
    bool over = false;
    bool hopeless = false;
    milliseconds asked_to_wait{0};  // by the collector's last word
    std::string reason;
  };

  // After is what a connection leaves for the next attempt.
  struct After {
    bool reached = false;   // somebody answered
    bool greeted = false;   // and it was a collector that took us
    bool hopeless = false;  // trying again soon is
    milliseconds asked_to_wait{0};
  };

  void change(UplinkState state, std::string reason) {
    if (status_.state != state) {
      status_.since = clock_.wall();
    }
    const bool news =
        state != UplinkState::connecting && (state != logged_ || reason != status_.reason);
    status_.state = state;
    status_.reason = std::move(reason);
    if (!news) {
      return;
    }
    logged_ = state;
    if (state == UplinkState::connected) {
      log::info("uplink.connected",
                {{"waiting", spool_.waiting()}, {"resumed", status_.resumed ? "yes" : "no"}});
    } else if (state != UplinkState::stopped) {
      log::warn("uplink.disconnected", {{"state", to_string(state)}, {"reason", status_.reason}});
    }
  }

  asio::awaitable<void> run() {
    while (!stopping_) {
      const bool ready = prepare();
      After after;
      if (ready) {
        after = co_await serve();
      }
      if (stopping_) {
        break;
      }
      pause_.expires_after(ready ? wait_after(after) : kLookAgain);
      static_cast<void>(co_await pause_.async_wait(kAwait));
    }
    change(UplinkState::stopped, "");
  }

  milliseconds wait_after(const After& after) {
    if (after.hopeless) {
      return options_.max_backoff;
    }
    if (after.greeted) {
      backoff_.reset();
    } else if (after.reached && options_.addresses.size() > 1) {
      // Whoever answered does not serve us, so another comes first next time.
      std::rotate(options_.addresses.begin(), options_.addresses.begin() + 1,
                  options_.addresses.end());
    }
    return std::max(backoff_.next(), std::min(after.asked_to_wait, options_.max_backoff));
  }

  // prepare loads the identity and makes the TLS context; false when there is none.
  bool prepare() {
    if (tls_) {
      return true;
    }
    auto identity = load_identity(files_, options_.identity_directory);
    if (!identity) {
      change(UplinkState::not_enrolled, "the identity cannot be used: " + identity.error().text());
      return false;
    }
    if (!*identity) {
      change(UplinkState::not_enrolled, "this agent is not enrolled yet");
      return false;
    }
    if (!options_.sender_path.empty()) {
      settle_sender(files_, options_.sender_path, **identity, spool_);
    }
    take_identity(**std::move(identity));
    return true;
  }

  void take_identity(Identity identity) {
    identity_ = std::move(identity);
    ClientTls options;
    options.root = identity_->root;
    options.chain = identity_->chain;
    options.key = identity_->key;
    tls_ = std::make_shared<TlsContext>(TlsContext::client(options));
    const WallTime begin = identity_->chain.front().not_before();
    const WallTime end = identity_->chain.front().not_after();
    std::uniform_real_distribution<double> draw(options_.renew_from, options_.renew_to);
    renew_at_ =
        begin + std::chrono::duration_cast<std::chrono::nanoseconds>((end - begin) * draw(random_));
  }

  // serve is one connection from beginning to end.
  asio::awaitable<After> serve() {
    After after;
    change(UplinkState::connecting, status_.reason);
    ConnectOptions where;
    where.addresses = options_.addresses;
    where.proxy = options_.proxy;
    where.per_attempt = options_.connect_within;
    auto socket = co_await connect_to_any(std::move(where));
    if (!socket) {
      failures_.add();
      change(UplinkState::waiting, socket.error().text);
      co_return after;
    }
    after.reached = true;
    // Shared: a renewal makes a new context while this connection still uses the old one.
    const std::shared_ptr<TlsContext> tls = tls_;
    Talk talk(*std::move(socket), *tls, io_.get_executor());
    talk_ = &talk;
    after.greeted = co_await greet(talk);
    if (after.greeted) {
      co_await (read_all(talk) && send_all(talk) && write_all(talk));
    }
    talk_ = nullptr;
    if (!stopping_) {
      failures_.add();
      change(talk.hopeless ? UplinkState::refused : UplinkState::waiting, talk.reason);
    }
    after.hopeless = talk.hopeless;
    after.asked_to_wait = talk.asked_to_wait;
    co_return after;
  }

  void fail(Talk& talk, const NetError& error) {
    if (talk.reason.empty()) {
      talk.reason = error.text;
      talk.hopeless = is_about_us(error.fault);
    }
    over(talk);
  }

  void fail(Talk& talk, const wire::Error& error) {
    talk.reason = error.text.empty() ? std::string{to_string(error.code)} : error.text;
    talk.hopeless = is_about_us(error.code);
    talk.asked_to_wait = milliseconds{error.retry_after_ms};
    over(talk);
  }

  void over(Talk& talk) {
    talk.over = true;
    talk.outbox.close();
    wake_.cancel();
  }

  asio::awaitable<bool> greet(Talk& talk) {
    const auto secured = co_await talk.connection.handshake(options_.handshake_within);
    if (!secured) {
      fail(talk, secured.error());
      co_return false;
    }
    if (told_expired_ && is_expired()) {
      co_await ask_to_be_let_in(talk);
      co_return false;
    }
    wire::Hello hello;
    hello.agent_version = GNOMON_VERSION;
    hello.machine_hash = options_.machine_hash;
    hello.run = run_id_;
    hello.epoch = spool_.epoch();
    hello.first_sequence = spool_.first_sequence();
    hello.last_sequence = spool_.last_sequence();
    hello.clock = clock_.wall();
    hello.pack_version = hooks_.pack_version ? hooks_.pack_version() : 0;
    hello.policy_version = hooks_.policy_version ? hooks_.policy_version() : 0;
    hello.overlay_version = hooks_.overlay_version ? hooks_.overlay_version() : 0;
    hello.takes_zstd = true;
    hello.part = receiver_.part();
    const WallTime asked = hello.clock;
    wire::Envelope message = std::move(hello);
    // The answer is awaited even when the question could not be sent: a collector that refuses us
    // has said why before it closed.
    static_cast<void>(co_await send(talk.connection, std::move(message), options_.message_within));
    const auto received = co_await receive(talk.connection, wire::kMaxHelloFrameBytes,
                                           options_.handshake_within, options_.message_within);
    if (!received) {
      fail(talk, received.error());
      co_return false;
    }
    if (const auto* error = std::get_if<wire::Error>(&*received)) {
      fail(talk, *error);
      if (error->code == wire::ErrorCode::certificate_expired && is_expired() && !told_expired_) {
        told_expired_ = true;
        talk.hopeless = false;  // the next connection asks for a new one
      }
      co_return false;
    }
    const auto* ack = std::get_if<wire::HelloAck>(&*received);
    if (ack == nullptr || !wire::choose_version({ack->version})) {
      fail(talk, NetError{NetFault::bad_message, "the collector's greeting makes no sense"});
      co_return false;
    }
    const auto next = spool_.reconcile(ack->stored_epoch, ack->resume_from - 1);
    if (!next) {
      fail(talk, NetError{NetFault::closed, next.error().text()});
      co_return false;
    }
    const WallTime answered = clock_.wall();
    status_.clock_offset = asked + (answered - asked) / 2 - ack->clock;
    status_.resumed = talk.connection.resumed();
    ++status_.connections;
    connects_.add();
    talk.next = *next;
    talk.window = ack->window;
    talk.heartbeat = std::chrono::seconds{ack->heartbeat_s};
    change(UplinkState::connected, "");
    co_return true;
  }

  // Whether the certificate has ended by our own clock. Neither clock is believed alone: one that
  // jumped must not send this agent, or all of a collector's, into quarantine.
  bool is_expired() const { return clock_.wall() >= identity_->chain.front().not_after(); }

  // ask_to_be_let_in is all that an agent with an expired certificate may do. With the new one it
  // comes back at once, perhaps into quarantine.
  asio::awaitable<void> ask_to_be_let_in(Talk& talk) {
    talk.renewal = PrivateKey::generate();
    wire::Envelope request = wire::RenewRequest{make_csr(*talk.renewal)};
    static_cast<void>(co_await send(talk.connection, std::move(request), options_.message_within));
    const auto received = co_await receive(talk.connection, wire::kMaxHelloFrameBytes,
                                           options_.handshake_within, options_.message_within);
    if (!received) {
      fail(talk, received.error());
    } else if (const auto* error = std::get_if<wire::Error>(&*received)) {
      fail(talk, *error);
    } else if (const auto* renewed = std::get_if<wire::RenewReply>(&*received)) {
      take_renewal(talk, *renewed);
      talk.reason = talk.renewal ? "the certificate has expired, and the new one cannot be taken"
                                 : "the certificate had expired, and was renewed";
      over(talk);
    } else {
      fail(talk, NetError{NetFault::bad_message, "the collector's answer makes no sense"});
    }
    talk.connection.close();
  }

  // send_all keeps the window full, and speaks up when there is nothing to send.
  asio::awaitable<void> send_all(Talk& talk) {
    MonotonicTime quiet_until = clock_.monotonic() + talk.heartbeat;
    while (!talk.over && !stopping_) {
      if (talk.stalled && talk.in_flight.empty()) {
        co_await wait_out(talk);
        talk.stalled = false;
        talk.next = spool_.acknowledged() + 1;
        continue;
      }
      if (!talk.stalled && talk.in_flight.size() < talk.window &&
          talk.bytes_in_flight < kMaxUnderWay) {
        const auto batch = spool_.next(talk.next);
        if (!batch) {
          fail(talk, NetError{NetFault::closed, batch.error().text()});
          break;
        }
        if (*batch) {
          upload(talk, **batch);
          continue;
        }
      }
      renew_if_due(talk);
      const MonotonicTime now = clock_.monotonic();
      if (now >= quiet_until) {
        beat(talk);
        quiet_until = now + talk.heartbeat;
      }
      wake_.expires_after(std::min<std::chrono::nanoseconds>(talk.heartbeat, quiet_until - now));
      static_cast<void>(co_await wake_.async_wait(kAwait));
    }
    over(talk);
  }

  // wait_out lets a collector that cannot store alone for as long as it asked. News in the spool
  // wakes, and must not shorten it.
  asio::awaitable<void> wait_out(Talk& talk) {
    const auto until = asio::steady_timer::clock_type::now() + talk.retry_after;
    while (!talk.over && !stopping_ && asio::steady_timer::clock_type::now() < until) {
      wake_.expires_at(until);
      static_cast<void>(co_await wake_.async_wait(kAwait));
    }
  }

  void upload(Talk& talk, const SpooledBatch& batch) {
    wire::Upload message;
    message.epoch = spool_.epoch();
    message.sequence = batch.sequence;
    message.first_sequence = batch.first_sequence;
    message.payload = batch.payload;
    talk.in_flight.push_back(InFlight{batch.sequence, batch.payload.size()});
    talk.bytes_in_flight += batch.payload.size();
    talk.next = batch.sequence + 1;
    talk.outbox.post(message);
    sent_.add();
    bytes_.add(batch.payload.size());
  }

  void beat(Talk& talk) {
    wire::Heartbeat heartbeat;
    heartbeat.clock = clock_.wall();
    heartbeat.waiting = spool_.waiting();
    if (hooks_.health) {
      heartbeat.health = hooks_.health();
    }
    talk.outbox.post(heartbeat);
  }

  void renew_if_due(Talk& talk) {
    if (talk.renewal || clock_.wall() < renew_at_) {
      return;
    }
    talk.renewal = PrivateKey::generate();
    talk.outbox.post(wire::RenewRequest{make_csr(*talk.renewal)});
  }

  asio::awaitable<void> write_all(Talk& talk) {
    const auto written = co_await talk.outbox.run(options_.message_within);
    if (!written && !talk.over) {
      // The reader may still find the collector's last word; it fails by itself otherwise.
      over(talk);
    }
    if (written) {
      co_await talk.connection.finish(kFarewell);
    }
  }

  asio::awaitable<void> read_all(Talk& talk) {
    const milliseconds idle = talk.heartbeat * 3;
    while (!talk.over || talk.reason.empty()) {
      auto received =
          co_await receive(talk.connection, wire::kMaxFrameBytes, idle, options_.message_within);
      if (!received) {
        fail(talk, received.error());
        break;
      }
      if (const auto* ack = std::get_if<wire::Ack>(&*received)) {
        take_ack(talk, *ack);
      } else if (const auto* push = std::get_if<wire::Push>(&*received)) {
        if (const auto reply = receiver_.take(*push)) {
          talk.outbox.post(*reply);
        }
      } else if (const auto* renewed = std::get_if<wire::RenewReply>(&*received)) {
        take_renewal(talk, *renewed);
      } else if (const auto* policy = std::get_if<wire::UnknownsPolicy>(&*received)) {
        if (hooks_.unknowns_policy) {
          hooks_.unknowns_policy(*policy);
        }
      } else if (const auto* question = std::get_if<wire::RevealRequest>(&*received)) {
        if (hooks_.reveal) {
          talk.outbox.post(hooks_.reveal(*question));
        }
      } else if (const auto* error = std::get_if<wire::Error>(&*received)) {
        fail(talk, *error);
      } else if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&*received)) {
        status_.clock_offset = clock_.wall() - heartbeat->clock;
      }
    }
    talk.connection.close();
  }

  void take_ack(Talk& talk, const wire::Ack& ack) {
    if (talk.in_flight.empty() || ack.epoch != spool_.epoch() ||
        ack.sequence != talk.in_flight.front().sequence) {
      fail(talk, NetError{NetFault::bad_message, "the collector acknowledged out of turn"});
      return;
    }
    talk.bytes_in_flight -= talk.in_flight.front().bytes;
    talk.in_flight.pop_front();
    wake_.cancel();
    switch (ack.outcome) {
      case wire::Outcome::stored:
      case wire::Outcome::repeated:
        stored_.add();
        spool_.acknowledge(ack.sequence);
        return;
      case wire::Outcome::refused:
        refused_.add();
        log::warn("uplink.batch_refused", {{"sequence", ack.sequence}});
        spool_.acknowledge(ack.sequence);
        return;
      case wire::Outcome::unavailable:
        talk.stalled = true;
        talk.retry_after = milliseconds{std::clamp<std::uint32_t>(ack.retry_after_ms, 100, 60'000)};
        return;
      case wire::Outcome::out_of_order:
      case wire::Outcome::unspecified:
        // Behind a batch that could not be stored every later one is out of order: those are sent
        // again. Otherwise the two sides disagree, and a new hello settles it.
        if (!talk.stalled) {
          fail(talk, NetError{NetFault::bad_message, "the collector misses a batch in between"});
        }
        return;
    }
  }

  void take_renewal(Talk& talk, const wire::RenewReply& reply) {
    if (!talk.renewal) {
      return;
    }
    std::vector<Certificate> chain;
    for (const std::string& der : reply.chain) {
      if (const auto certificate = Certificate::from_der(der)) {
        chain.push_back(*certificate);
      }
    }
    const bool good = !chain.empty() && chain.front().belongs_to(*talk.renewal) &&
                      chain.front().common_name() == identity_->agent;
    if (!good) {
      log::warn("uplink.renewal_makes_no_sense");
      return;
    }
    Identity renewed{identity_->agent, *talk.renewal, std::move(chain), identity_->root};
    if (const auto stored = store_identity(files_, options_.identity_directory, renewed); !stored) {
      log::warn("uplink.renewal_not_stored", {{"reason", stored.error().text()}});
      return;
    }
    take_identity(std::move(renewed));
    talk.renewal.reset();
    told_expired_ = false;
    log::info("uplink.certificate_renewed");
  }

  asio::io_context& io_;
  FileSystem& files_;
  Spool& spool_;
  const Clock& clock_;
  UplinkOptions options_;  // the addresses change their order
  const UplinkHooks hooks_;
  const std::string run_id_ = random_bytes(wire::kRunBytes);
  PushReceiver receiver_;
  Counter& sent_;
  Counter& stored_;
  Counter& refused_;
  Counter& bytes_;
  Counter& connects_;
  Counter& failures_;
  std::mt19937_64 random_;
  Backoff backoff_;
  asio::steady_timer pause_;
  asio::steady_timer wake_;
  std::optional<Identity> identity_;
  std::shared_ptr<TlsContext> tls_;
  WallTime renew_at_;
  UplinkStatus status_;
  UplinkState logged_ = UplinkState::connecting;
  Talk* talk_ = nullptr;
  bool told_expired_ = false;  // the collector says that the certificate has ended
  bool stopping_ = false;
};

Uplink::Uplink(boost::asio::io_context& io, FileSystem& files, Spool& spool, const Clock& clock,
               Counters& counters, UplinkOptions options, UplinkHooks hooks)
    : impl_(std::make_unique<Impl>(io, files, spool, clock, counters, std::move(options),
                                   std::move(hooks))) {}

Uplink::~Uplink() = default;

void Uplink::start() {
  impl_->start();
}
void Uplink::stop() {
  impl_->stop();
}
void Uplink::spooled() {
  impl_->spooled();
}
const UplinkStatus& Uplink::status() const {
  return impl_->status();
}

}  // namespace gnomon
