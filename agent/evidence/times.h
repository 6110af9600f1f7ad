// Small questions about times that the rooms of a ToolState share.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.h"

namespace gnomon {

// What comes sooner after the begin of a page load is the same page, still loading.
inline constexpr std::chrono::seconds kAnotherPageAfter{5};

// A share of a time that is worth a line of evidence.
inline constexpr double kWorthTelling = 0.5;

// time_words says how long something took, as people would: "48 s", "3 min".
inline std::string time_words(std::chrono::seconds time) {
  return time.count() < 120 ? std::to_string(time.count()) + " s"
                            : std::to_string(time.count() / 60) + " min";
}

// within tells whether `earlier` is known, not after `now`, and at most `span` before it.
inline bool within(const std::optional<WallTime>& earlier, WallTime now, WallTime::duration span) {
  return earlier.has_value() && now >= *earlier && now - *earlier <= span;
}

// day_of counts days since 1970 in UTC.
inline std::int32_t day_of(WallTime when) {
  return static_cast<std::int32_t>(
      std::chrono::floor<std::chrono::days>(when).time_since_epoch().count());
}

}  // namespace gnomon
