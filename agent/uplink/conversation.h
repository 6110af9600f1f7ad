// Conversation: one connection with a collector, from the hello to its end.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agent/spool/spool.h"
#include "agent/uplink/credentials.h"
#include "agent/uplink/push_receiver.h"
#include "agent/uplink/uplink.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/net/link.h"
#include "core/net/tls_connection.h"
#include "core/wire/messages.h"

namespace gnomon {

// UplinkCounters are what all connections of an agent count.
struct UplinkCounters {
  explicit UplinkCounters(Counters& counters);

  Counter& sent;
  Counter& stored;
  Counter& refused;
  Counter& bytes;
  Counter& connects;
  Counter& failures;
};

// UplinkWorld is what a conversation works with; all of it outlives each of them.
struct UplinkWorld {
  Spool& spool;
  const Clock& clock;
  const UplinkOptions& options;
  const UplinkHooks& hooks;
  Credentials& credentials;
  PushReceiver& receiver;
  UplinkCounters& counters;
  UplinkStatus& status;
  const std::string& run;  // of this start of the program
};

// Conversation keeps a window of batches under way, acknowledges to the spool what the collector
// has stored, sends heartbeats, asks for renewals and takes pushes. It lives in one coroutine's
// frame: greet(), and when that was yes, run().
class Conversation {
 public:
  Conversation(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls, UplinkWorld& world,
               const asio::any_io_executor& executor);
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  ~Conversation() = default;

  // greet shakes hands and agrees with the collector on where to go on; false when it is over.
  asio::awaitable<bool> greet();

  // run is the conversation after it.
  asio::awaitable<void> run();

  // stop ends it from outside; spooled says that the spool has something new.
  void stop();
  void spooled() { wake_.cancel(); }

  bool resumed() const { return connection_.resumed(); }

  // Why it ended: one sentence, whether trying again soon is hopeless, and how long the collector
  // asked us to wait.
  const std::string& reason() const { return reason_; }
  bool hopeless() const { return hopeless_; }
  std::chrono::milliseconds asked_to_wait() const { return asked_to_wait_; }

 private:
  // InFlight is a batch that was sent and not answered.
  struct InFlight {
    std::uint64_t sequence = 0;
    std::size_t bytes = 0;
  };

  wire::Hello hello() const;
  asio::awaitable<void> ask_to_be_let_in();
  bool take_greeting(const wire::HelloAck& ack, WallTime asked);
  asio::awaitable<void> send_all();
  asio::awaitable<void> write_all();
  asio::awaitable<void> read_all();
  asio::awaitable<void> wait_out();
  bool send_next();
  void upload(const SpooledBatch& batch);
  void beat();
  void take(const wire::Envelope& message);
  void take_ack(const wire::Ack& ack);
  void fail(const NetError& error);
  void fail(const wire::Error& error);
  void over();

  const std::shared_ptr<TlsContext> tls_;  // shared: see Credentials::tls
  UplinkWorld& world_;
  TlsConnection connection_;
  Outbox outbox_;
  asio::steady_timer wake_;
  std::uint32_t window_ = 1;
  std::chrono::milliseconds heartbeat_{60'000};
  std::uint64_t next_ = 1;
  std::deque<InFlight> in_flight_;
  std::size_t bytes_in_flight_ = 0;
  bool stalled_ = false;                      // the collector cannot store right now
  std::chrono::milliseconds retry_after_{0};  // how long it asked us to wait
  bool over_ = false;
  bool stopping_ = false;
  bool hopeless_ = false;
  std::chrono::milliseconds asked_to_wait_{0};  // by the collector's last word
  std::string reason_;
};

}  // namespace gnomon
