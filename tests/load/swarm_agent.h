// SwarmAgent: one simulated agent of the load generator.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/net/await.h"
#include "core/net/link.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_context.h"

namespace gnomon {

// SwarmTally gathers what all agents measure. One thread.
struct SwarmTally {
  std::uint64_t connected = 0;
  std::uint64_t resumed = 0;
  std::uint64_t failed = 0;
  std::uint64_t acked_batches = 0;
  std::uint64_t refused_batches = 0;
  std::vector<double> handshake_ms;
  std::vector<double> ack_ms;
  std::vector<std::string> failures;  // the first few, in words
};

// SwarmPlan is what every agent does.
struct SwarmPlan {
  boost::asio::ip::tcp::endpoint collector;
  std::uint32_t batches = 0;  // to upload, each one `payload`
  std::uint32_t window = 8;   // uploads under way at once, at most the collector's window
  std::string payload;        // compressed batch, the same for all
  std::chrono::milliseconds step{60'000};  // deadline of every step
};

// SwarmAgent lives on one io_context. The plan and the tally must outlive it.
class SwarmAgent {
 public:
  SwarmAgent(asio::io_context& io, const SwarmPlan& plan, SwarmTally& tally, ClientTls identity);

  // connect shakes hands and says hello. False when it could not, with the reason in the tally.
  asio::awaitable<bool> connect();

  // upload sends the plan's batches and waits for every acknowledgement.
  asio::awaitable<void> upload();

  // drop closes the connection without a word, as a machine that loses its network does.
  void drop();

 private:
  void fail(const std::string& what);

  asio::io_context& io_;
  const SwarmPlan& plan_;
  SwarmTally& tally_;
  TlsContext context_;
  std::unique_ptr<TlsConnection> connection_;
  std::uint64_t epoch_;
  std::uint64_t next_ = 1;
  std::uint32_t window_ = 1;
};

}  // namespace gnomon
