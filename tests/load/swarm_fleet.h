// SwarmFleet: many simulated agents in one process, and what they do together.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "core/clock.h"
#include "core/file.h"
#include "core/net/await.h"
#include "tests/load/swarm_agent.h"
#include "tests/load/swarm_report.h"

namespace gnomon {

// SwarmOptions are those of the command line.
struct SwarmOptions {
  std::string authority;
  std::string collector = "127.0.0.1:7443";
  std::uint32_t agents = 64;
  std::uint32_t sources = 0;  // addresses they connect from; 0: each its own
  std::uint32_t at_once = 256;
  std::uint32_t batches = 100;
  std::uint32_t contacts = 100;
  std::uint32_t window = 8;
  std::uint32_t pause_ms = 0;
  std::uint32_t hold_s = 10;
  std::uint32_t heartbeat_s = 60;
  std::uint32_t slow = 0;
  std::uint32_t patience_s = 300;
  int pid = 0;
};

// SwarmFleet issues the agents' certificates from the collector's authority, then plays one of the
// scenes, each of which prints one line. Throws std::runtime_error when it cannot begin.
class SwarmFleet {
 public:
  explicit SwarmFleet(const SwarmOptions& options);

  void ingest();  // all upload, acks are timed
  void idle();    // all are connected, and send heartbeats
  void storm();   // all lose their connection and come back at once
  void push();    // all take the rule pack; the first `slow` read nothing

  bool clean() const { return tally_.failed == 0; }

 private:
  Line line(const std::string& name);
  void make_agents();
  double connect_all(std::uint32_t lanes);
  asio::awaitable<void> connect_some();
  asio::awaitable<void> beat_some(std::size_t first, std::size_t step,
                                  std::chrono::steady_clock::time_point until);
  asio::awaitable<void> take_pack(SwarmAgent& agent, bool reads);
  void spawn(asio::awaitable<void> work);
  void run();

  SwarmOptions options_;
  SystemClock clock_;
  PosixFileSystem files_;
  asio::io_context io_{1};
  SwarmPlan plan_;
  SwarmTally tally_;
  std::vector<std::unique_ptr<SwarmAgent>> agents_;
  std::size_t next_agent_ = 0;
};

}  // namespace gnomon
