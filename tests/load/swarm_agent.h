// SwarmAgent: one simulated agent of the load generator.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/net/await.h"
#include "core/net/backoff.h"
#include "core/net/link.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_context.h"
#include "core/result.h"

namespace gnomon {

// SwarmTally gathers what all agents measure. One thread.
struct SwarmTally {
  std::uint64_t connected = 0;
  std::uint64_t resumed = 0;
  std::uint64_t attempts_failed = 0;  // and tried again
  std::uint64_t failed = 0;           // given up
  std::uint64_t acked_batches = 0;
  std::uint64_t refused_batches = 0;
  std::uint64_t heartbeats = 0;
  std::uint64_t pushed = 0;  // agents that have the whole pack
  std::uint64_t push_bytes = 0;
  std::vector<double> handshake_ms;  // from the socket to the collector's greeting
  std::vector<double> served_ms;     // from the first attempt on, waits included
  std::vector<double> ack_ms;
  std::vector<std::string> failures;  // the first few, in words
};

// SwarmPlan is what every agent does.
struct SwarmPlan {
  boost::asio::ip::tcp::endpoint collector;
  bool wants_pack = false;                 // says that it has none
  std::uint32_t batches = 0;               // to upload, each one `payload`
  std::uint32_t window = 8;                // uploads under way at once
  std::chrono::milliseconds pause{0};      // between two uploads; 0: as fast as it goes
  std::string payload;                     // compressed batch, the same for all
  std::chrono::milliseconds step{60'000};  // deadline of every step
  std::chrono::milliseconds first_backoff{1'000};
  std::chrono::milliseconds most_backoff{30'000};
  std::chrono::seconds patience{300};  // then an agent that is not let in gives up
};

// SwarmAgent lives on one io_context. The plan and the tally must outlive it.
class SwarmAgent {
 public:
  // `source` is the address it connects from.
  SwarmAgent(asio::io_context& io, const SwarmPlan& plan, SwarmTally& tally, ClientTls identity,
             std::optional<asio::ip::address> source);

  // connect tries until it is greeted, waiting in between as real agents do.
  asio::awaitable<bool> connect();

  // upload sends the plan's batches and waits for every acknowledgement. With a pause it sends one
  // at a time, beginning at a random moment within the first pause.
  asio::awaitable<void> upload();

  // beat sends one heartbeat and waits for its answer.
  asio::awaitable<void> beat();

  // take_pack reads until a whole rule pack has come, and says that it was applied.
  asio::awaitable<void> take_pack();

  // wait_until_cut reads nothing until the collector has closed, or the plan's patience is over.
  asio::awaitable<void> wait_until_cut();

  // drop closes the connection without a word, as a machine that loses its network does.
  void drop();

  bool connected() const { return connection_ != nullptr; }

 private:
  asio::awaitable<bool> attempt();
  asio::awaitable<std::string> greet();
  asio::awaitable<bool> send_next();
  template <typename Message>
  asio::awaitable<Result<Message, std::string>> await_message(std::chrono::milliseconds idle);
  asio::awaitable<bool> read_ack();
  void fail(const std::string& what);
  void note(const std::string& what);

  asio::io_context& io_;
  const SwarmPlan& plan_;
  SwarmTally& tally_;
  TlsContext context_;
  std::optional<asio::ip::address> source_;
  Backoff backoff_;
  std::unique_ptr<TlsConnection> connection_;
  std::uint64_t epoch_;
  std::uint64_t next_ = 1;
  std::uint32_t window_ = 1;
  std::deque<std::chrono::steady_clock::time_point> under_way_;
};

}  // namespace gnomon
