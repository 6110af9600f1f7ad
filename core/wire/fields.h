// What the fields of messages have in common: times and short texts. Inside core/wire only.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/clock.h"

namespace gnomon::wire {

constexpr std::size_t kMaxWord = 64;       // an id, a version, the name of a command
constexpr std::size_t kMaxSentence = 200;  // why something was refused; a longer one is cut

// to_ns and from_ns: times travel as nanoseconds since 1970, UTC.
inline std::int64_t to_ns(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime from_ns(std::int64_t ns) {
  return WallTime{std::chrono::nanoseconds{ns}};
}

}  // namespace gnomon::wire
