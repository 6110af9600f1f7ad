// StatusWriter: keeps the status file true to how the agent fares.

#pragma once

#include <optional>
#include <string>

#include "agent/pushes.h"
#include "agent/spool/spool.h"
#include "agent/uplink/uplink.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"

namespace gnomon {

// StatusWriter writes the file that `gnomon-agent status` reads (status_file.h). All it is given
// must outlive it. I/O thread only.
class StatusWriter {
 public:
  struct Parts {
    FileSystem& files;
    const Clock& clock;
    const Counters& counters;
    const Pushes& pushes;
  };

  // `mode` is "run" or "replay". The agent counts as started now.
  StatusWriter(Parts parts, std::string path, std::string mode);

  // set_confinement takes the sentence about what the agent may do.
  void set_confinement(std::string text) { confinement_ = std::move(text); }

  // write tells the present state. `link` is null when nothing is to be sent. `strain` says what is
  // left out, `trouble` why storing does not go on: one sentence each, empty when there is none.
  void write(const Spool& spool, const UplinkStatus* link, std::string strain, std::string trouble);

 private:
  Parts parts_;
  std::string path_;
  std::string mode_;
  WallTime started_;
  std::string confinement_;
  std::optional<WallTime> last_contact_;  // with the collector
};

}  // namespace gnomon
