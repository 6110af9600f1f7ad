// WireError: why bytes from a peer were refused.

#pragma once

#include <cstdint>
#include <string_view>

namespace gnomon::wire {

enum class WireError : std::uint8_t {
  truncated,   // more bytes are needed
  malformed,   // no more bytes can help
  over_limit,  // larger, or more of it, than we will hold
};

// to_string gives the word used as a counter's reason: "over-limit".
constexpr std::string_view to_string(WireError error) {
  switch (error) {
    case WireError::truncated:
      return "truncated";
    case WireError::malformed:
      return "malformed";
    case WireError::over_limit:
      return "over-limit";
  }
  return "malformed";
}

}  // namespace gnomon::wire
