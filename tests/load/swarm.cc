// gnomon-swarm: many simulated agents in one process, to measure a collector.

#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "core/net/descriptor_limit.h"
#include "tests/load/swarm_fleet.h"

#include <CLI/CLI.hpp>

namespace gnomon {
namespace {

// Descriptors beside those of the agents.
constexpr std::uint64_t kOwnDescriptors = 64;

void add_common(CLI::App& program, SwarmOptions& options) {
  program.add_option("--authority", options.authority, "the collector's authority folder")
      ->required();
  program.add_option("--collector", options.collector, "address:port for agents");
  program.add_option("--agents", options.agents, "how many")->check(CLI::Range(1, 50000));
  program.add_option("--sources", options.sources,
                     "addresses below 127.1.0.0 they connect from; 0: each its own");
  program.add_option("--pid", options.pid, "the collector's process, to read its memory and CPU");
  program.add_option("--at-once", options.at_once, "handshakes under way at once")
      ->check(CLI::Range(1, 50000));
  program
      .add_option("--patience", options.patience_s, "seconds an agent tries to be let in or waits")
      ->check(CLI::Range(1, 3600));
}

int run(int argc, char** argv) {
  CLI::App program{"Many simulated agents in one process, to measure a collector."};
  program.name("gnomon-swarm");
  program.require_subcommand(1);
  program.fallthrough();
  program.footer(
      "Example:\n  gnomon-swarm ingest --authority DATA/ca --collector 127.0.0.1:7443 --agents 64");
  SwarmOptions options;
  add_common(program, options);
  CLI::App* ingest = program.add_subcommand("ingest", "Upload batches and time the acks");
  ingest->add_option("--batches", options.batches, "an agent")->check(CLI::Range(1, 1000000));
  ingest->add_option("--contacts", options.contacts, "a batch")->check(CLI::Range(1, 4096));
  ingest->add_option("--window", options.window, "uploads under way")->check(CLI::Range(1, 1024));
  ingest->add_option("--pause", options.pause_ms,
                     "milliseconds between two uploads of an agent; 0: as fast as it goes");
  CLI::App* idle = program.add_subcommand("idle", "Connect all, hold them, send heartbeats");
  idle->add_option("--hold", options.hold_s, "seconds")->check(CLI::Range(1, 600));
  idle->add_option("--heartbeat", options.heartbeat_s, "seconds between two of an agent")
      ->check(CLI::Range(1, 3600));
  CLI::App* storm = program.add_subcommand("storm", "Drop all and let them come back at once");
  CLI::App* push = program.add_subcommand("push", "Let all take the collector's rule pack");
  push->add_option("--slow", options.slow, "agents that read nothing, and wait to be cut");
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  if (const auto limit = raise_descriptor_limit(); limit < options.agents + kOwnDescriptors) {
    throw std::runtime_error{"only " + std::to_string(limit) + " files may be open, too few for " +
                             std::to_string(options.agents) + " agents: raise `ulimit -Hn`"};
  }
  std::signal(SIGPIPE, SIG_IGN);
  SwarmFleet fleet{options};
  if (*ingest) {
    fleet.ingest();
  } else if (*idle) {
    fleet.idle();
  } else if (*storm) {
    fleet.storm();
  } else if (*push) {
    fleet.push();
  }
  return fleet.clean() ? 0 : 1;
}

}  // namespace
}  // namespace gnomon

int main(int argc, char** argv) {
  try {
    return gnomon::run(argc, argv);
  } catch (const std::exception& error) {
    static_cast<void>(std::fprintf(stderr, "gnomon-swarm: %s\n", error.what()));
    return 2;
  }
}
