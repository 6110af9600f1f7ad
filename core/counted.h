// A number with what it counts, as people read it.

#pragma once

#include <cstdint>
#include <string>

namespace gnomon {

// counted gives "1 device", and "5 devices" or "0 devices": `one` and `many` are the two forms.
inline std::string counted(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace gnomon
