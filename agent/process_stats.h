// ProcessStats: what this process costs the machine.

#pragma once

#include <cstdint>

namespace gnomon {

struct ProcessStats {
  std::uint64_t resident_bytes = 0;  // 0 when the system does not say
  std::uint64_t cpu_ms = 0;          // user and system, since the start
};

// process_stats asks the system. Safe from every thread.
ProcessStats process_stats();

}  // namespace gnomon
