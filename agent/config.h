// Config: every knob of the agent, its default, and why.

#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gnomon {

// ConfigError says which file, line and key is wrong and what was expected. Caught in main only.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Config is read from a file of `key = value` lines; flags on the command line win over it. The
// key is the member's name with hyphens.
struct Config {
  // Everything the agent keeps: identity, spool, memory. One agent a folder.
  std::string data = "/var/lib/gnomon-agent";

  // Where the collector listens for enrolled agents, `host:port`, several separated by commas.
  // Empty: what enrolment was told. For `enrol` itself: where it listens for new ones.
  std::vector<std::string> collector;

  // HTTP proxy that is asked to CONNECT to the collector, `host:port`. Empty: directly.
  std::string proxy;

  // The signed rule pack and who may sign it. Empty: the newest of what the collector sent and
  // what was installed with the program.
  std::string rules;
  std::string trust;

  // Network interfaces to watch. Empty: all of them, also those that come later.
  std::vector<std::string> interfaces;

  // What is met so soon after the first start counts as known before, so that a new laptop is not
  // a flood of new tools. `run` uses 14 when nothing is set, `replay` 0.
  std::optional<unsigned> learning_days;

  // The ceiling: what may be collected at most. Nothing the collector sends can raise it.
  bool collect_users = true;     // pseudonyms of users
  bool collect_programs = true;  // names of programs
  bool collect_evidence = true;  // the reasons behind a stage, with catalogued host names

  // Hosts outside the catalogue: how long this machine remembers their domains, for their true
  // first day should the catalogue learn them (0: not at all). What is remembered stays here.
  unsigned unknown_days = 400;
  // The ceiling for them: whether keyed tokens that stand for such domains may leave, when the
  // collector wants them too. Nothing the collector sends can raise it.
  bool report_unknowns = false;
  // The company's own domains: never remembered, never counted.
  std::vector<std::string> internal_domains;

  // A contact covers this much time, or more when a policy asks for more; news leaves within
  // seconds whatever is set here.
  unsigned window_minutes = 15;

  // The spool's bounds; a policy may shorten the days. A busy workstation makes well under 1 MB a
  // day.
  unsigned spool_mb = 64;
  unsigned spool_days = 30;

  // Resident memory at which the agent stores everything and ends rather than grow further.
  unsigned memory_mb = 48;

  // CPU time, in per cent of one core over a minute, above which the agent leaves things out
  // (agent/budget.h): the same is done on the way to memory_mb.
  unsigned cpu_percent = 5;

  // debug, info, warn or error.
  std::string log_level = "info";

  // set takes one key and value as they stand in the file. Throws ConfigError.
  void set(std::string_view key, std::string_view value);

  // keys gives every key with its present value, in the order above: for `status` and the manual.
  std::vector<std::pair<std::string, std::string>> keys() const;
};

// kDefaultConfigFile is read when it is there and nobody names another.
constexpr const char* kDefaultConfigFile = "/etc/gnomon/agent.conf";

// read_config applies a file to `config`. Throws ConfigError; a missing file is one only when
// `required`.
void read_config(const std::string& path, bool required, Config& config);

}  // namespace gnomon
