// The commands of gnomon-agent. Each yields an exit status and throws AgentError or ConfigError.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "core/clock.h"

namespace gnomon {

// run watches this machine until it is told to stop.
int run_command(const Config& config);

struct ReplayOptions {
  std::vector<std::string> files;
  std::optional<WallTime> at;  // when the first packet is to have been seen; nullopt: as recorded
  bool again = false;          // play although the same was played before
  bool abandon = false;        // give up another replay that was interrupted
  bool offline = false;        // fill the spool, send nothing
  std::chrono::seconds wait{60};  // for the collector, and for room on the disk, without progress
};

// replay plays captures as if this machine saw them, and sends what comes of it.
int replay_command(const Config& config, const ReplayOptions& options);

// status says what is collected, how the spool fares and when the collector was last heard of.
int status_command(const Config& config);

// explain tells everything this machine reported, in words or as JSON.
int explain_command(const Config& config, bool json);

// explain_unknowns lists the domains outside the catalogue that this machine remembers, and what
// has left of them.
int explain_unknowns_command(const Config& config, bool json);

// watch shows what can be seen right now, and keeps nothing. `all`: also hosts outside the
// catalogue.
int watch_command(const Config& config, bool all);

}  // namespace gnomon
