// Days and ISO weeks, as the company's own calendar counts them.

#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace gnomon {

// Day is a calendar day: days since 1970-01-01.
struct Day {
  std::int32_t number = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes a defaulted comparison for a zero
  auto operator<=>(const Day&) const = default;
  Day plus(std::int32_t days) const { return Day{number + days}; }
};

// Week is an ISO 8601 week: it begins on Monday, and week 1 holds the year's first Thursday.
struct Week {
  std::int32_t year = 1970;
  std::int32_t number = 1;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes a defaulted comparison for a zero
  auto operator<=>(const Week&) const = default;
};

std::string to_string(Day day);    // "2026-11-17"
std::string to_string(Week week);  // "2026-W47"

// parse_week reads "2026-W47"; nullopt for anything else, also for a week 53 that a year lacks.
std::optional<Week> parse_week(std::string_view text);

Day first_day(Week week);  // its Monday
Week week_of(Day day);
Week next(Week week);
Week previous(Week week);

// day_words gives "Tue 17 Nov", span_words "16 to 22 November 2026".
std::string day_words(Day day);
std::string span_words(Week week);

// Calendar says which day a moment belongs to. The local one follows the process's time zone (TZ,
// set before threads start), with its changes between winter and summer time. A value; safe from
// every thread.
class Calendar {
 public:
  static Calendar utc() { return Calendar(false); }
  static Calendar local() { return Calendar(true); }

  Day day_of(WallTime time) const;
  std::chrono::seconds offset_at(WallTime time) const;  // how far local time is ahead of UTC
  WallTime begin_of(Day day) const;                     // its first moment
  std::string clock_words(WallTime time) const;         // "09:41"

 private:
  explicit Calendar(bool local) : local_(local) {}

  bool local_;
};

// DayFinder is Calendar::day_of for many moments: it asks the time zone, which costs more than
// adding up a contact does, once for each hour that they lie in. An hour in which clocks are set is
// asked for moment by moment. One thread.
class DayFinder {
 public:
  explicit DayFinder(Calendar calendar) : calendar_(calendar) {}

  Day day_of(WallTime time);

 private:
  struct Hour {
    std::int64_t number = std::numeric_limits<std::int64_t>::min();  // since 1970, UTC
    bool even = false;  // one offset holds all through it
    std::chrono::seconds offset{0};
  };

  // Contacts of a batch lie close together; those of a laptop that comes back within some days.
  static constexpr std::size_t kHours = 64;

  const Hour& hour_of(WallTime time);

  Calendar calendar_;
  std::array<Hour, kHours> hours_;
};

// utc_text gives "2026-11-22T04:51:42Z", the form of all machine-readable output.
std::string utc_text(WallTime time);

}  // namespace gnomon
