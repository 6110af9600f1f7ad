// SoakAgent: one simulated workstation of the soak, with a real spool and a real uplink.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agent/spool/spool.h"
#include "agent/uplink/uplink.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"
#include "tests/load/soak_oracle.h"

namespace gnomon::soak {

// SoakWorld is what all agents of a process share. It must outlive them.
struct SoakWorld {
  boost::asio::io_context& io;
  FileSystem& files;
  const Clock& clock;
  Counters& counters;
  OracleWriter& oracle;
  HostPort collector;
  std::chrono::milliseconds pace{3000};  // mean time between two batches of one agent
  std::uint64_t spool_bytes = 0;         // bound of each spool
  std::uint64_t segment_bytes = 0;
};

// SoakAgent makes batches of contacts at random times, each written to the oracle before and after
// the spool takes it. A spool that cannot be opened, or that is full, is tried again, as the
// service manager and the agent do.
class SoakAgent {
 public:
  // Folders of its identity and of its spool; `next_batch` is the first free number.
  SoakAgent(SoakWorld& world, std::uint32_t number, const std::string& identity,
            const std::string& spool, std::uint64_t next_batch, std::uint64_t seed);
  SoakAgent(const SoakAgent&) = delete;
  SoakAgent& operator=(const SoakAgent&) = delete;
  ~SoakAgent() = default;

  void start();

  // finish makes no more batches. is_drained says when all is stored at the collector.
  void finish() { finishing_ = true; }
  bool is_drained() const;

  // make_fresh appends one more batch, to show that a contact passes once the trouble is over.
  void make_fresh();

  void stop();

 private:
  void open();
  void arm(std::chrono::milliseconds after);
  void tick();
  Batch make_batch();
  // store gives the held batch to the spool; false when it has to be tried again.
  bool store();

  SoakWorld& world_;
  const std::uint32_t number_;
  const std::string identity_;
  const std::string directory_;
  std::uint64_t next_batch_;
  std::mt19937_64 random_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Uplink> uplink_;
  std::optional<Batch> held_;  // made and intended, not yet taken by the spool
  std::uint64_t ticks_ = 0;
  bool finishing_ = false;
  bool stopped_ = false;
};

}  // namespace gnomon::soak
