// Config: every knob of the collector, its default, and why.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "collector/ingest/ingest_server.h"
#include "core/net/host_port.h"

namespace gnomon {

// kLeastKeepDays: a laptop holds what it could not send for thirty days, and what it then brings
// should not be gone the next night.
constexpr std::uint32_t kLeastKeepDays = 31;
constexpr std::uint32_t kMostKeepDays = 36'500;

enum class Command : std::uint8_t { serve, rebuild };

// Config is filled from the command line and, for what it does not name, from a file of key=value
// lines (--config). Everything but the data folder has a default that works on one machine.
struct Config {
  Command command = Command::serve;
  std::string user;  // started by root, it becomes this user; empty: it stays what it is
  std::string data;  // the folder of all that is kept: store/, ca/, admin.sock, ports.json

  // Agents come from other machines, so an installation names an address they can reach. The
  // defaults stay on this machine: nothing is open before somebody decided that it should be.
  HostPort listen{"127.0.0.1", 7443};
  HostPort enrol{"127.0.0.1", 7444};
  HostPort http{"127.0.0.1", 7480};  // loopback only, until there are accounts

  // Limits against slow, broken and hostile peers; its `address` is not used.
  IngestOptions agents;

  std::vector<std::string> names;  // by which agents reach this collector: names and addresses

  std::string rules;  // rule pack and its trust file; empty: those installed with the program
  std::string trust;
  std::string overlay;  // the company's own rules; empty: /etc/gnomon/overlay.yaml, if it is there
  std::string zone;     // "Europe/Berlin"; empty: the machine's own
  std::uint32_t min_group = 3;     // smaller groups of devices are not counted out
  std::uint32_t reserve_mib = 64;  // committing stops with less than this free on the disk
  // Older batches and totals leave the store; 0 keeps all. The default holds thirteen months, for
  // comparing with the same month of last year. Not less than kLeastKeepDays.
  std::uint32_t keep_days = 400;
  bool unknowns = false;               // ask agents for tokens of domains outside the catalogue
  std::uint32_t unknowns_devices = 5;  // k: so many devices before a name is asked for
  bool sample = false;                 // a new store is marked as holding the sample week
};

// Ended is an exit status: the command line asked for help, or was wrong and has been told so.
struct Ended {
  int status = 0;
};

// read_config reads the command line, and sets the zone of the process (TZ). Call it before
// threads start.
std::variant<Config, Ended> read_config(int argc, const char* const* argv);

}  // namespace gnomon
