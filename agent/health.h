// Health: what the agent could and could not see, read from its counters.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/counters.h"
#include "core/wire/batch.h"

namespace gnomon {

// health_of sums up the counters of the rooms and what the process costs. `when` is the time that
// it speaks for.
Health health_of(const Counters& counters, WallTime when, std::uint32_t pack_version,
                 std::vector<std::string> notes);

}  // namespace gnomon
