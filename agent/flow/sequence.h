// TCP sequence numbers, which begin again at 0 after 2^32 (RFC 9293, section 3.4).

#pragma once

#include <cstdint>

namespace gnomon {

// sequence_distance is how far `to` lies behind `from`, negative when it lies before.
constexpr std::int32_t sequence_distance(std::uint32_t from, std::uint32_t to) {
  return static_cast<std::int32_t>(to - from);
}

}  // namespace gnomon
