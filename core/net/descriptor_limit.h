// How many descriptors this process may hold: every connection takes one.

#pragma once

#include <cstdint>

namespace gnomon {

// raise_descriptor_limit lifts the process's own limit to what the system allows it, and yields
// that. Lifting the system's own bound takes whoever starts the process (systemd: LimitNOFILE=).
std::uint64_t raise_descriptor_limit();

}  // namespace gnomon
