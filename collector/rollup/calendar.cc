#include "collector/rollup/calendar.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace gnomon {
namespace {

namespace chrono = std::chrono;

constexpr std::array<const char*, 7> kDayNames{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonthNames{"January",   "February", "March",    "April",
                                                  "May",       "June",     "July",     "August",
                                                  "September", "October",  "November", "December"};

chrono::sys_days days_of(Day day) {
  return chrono::sys_days{chrono::days{day.number}};
}

Day day_at(chrono::sys_days days) {
  return Day{static_cast<std::int32_t>(days.time_since_epoch().count())};
}

const char* month_name(chrono::month month) {
  return kMonthNames[static_cast<unsigned>(month) - 1];
}

std::tm parts_of(WallTime time, bool local) {
  const auto seconds = chrono::floor<chrono::seconds>(time).time_since_epoch().count();
  const auto moment = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (local) {
    static_cast<void>(::localtime_r(&moment, &parts));
  } else {
    static_cast<void>(::gmtime_r(&moment, &parts));
  }
  return parts;
}

template <typename... Numbers>
std::string format(const char* pattern, Numbers... numbers) {
  std::array<char, 64> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), pattern, numbers...));
  return text.data();
}

// number reads decimal digits only, all of `text`.
std::optional<std::int32_t> number(std::string_view text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string to_string(Day day) {
  const chrono::year_month_day date{days_of(day)};
  return format("%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string to_string(Week week) {
  return format("%04d-W%02d", week.year, week.number);
}

std::optional<Week> parse_week(std::string_view text) {
  if (text.size() != 8 || text.substr(4, 2) != "-W") {
    return std::nullopt;
  }
  const auto year = number(text.substr(0, 4));
  const auto week = number(text.substr(6, 2));
  if (!year || !week || *year < 1970 || *year > 2261 || *week < 1 || *week > 53) {
    return std::nullopt;
  }
  const Week parsed{*year, *week};
  if (week_of(first_day(parsed)) != parsed) {
    return std::nullopt;
  }
  return parsed;
}

Day first_day(Week week) {
  // 4 January always lies in week 1.
  const chrono::sys_days fourth{chrono::year{week.year} / chrono::January / 4};
  const chrono::sys_days monday = fourth - (chrono::weekday{fourth} - chrono::Monday);
  return day_at(monday + chrono::weeks{week.number - 1});
}

Week week_of(Day day) {
  const chrono::sys_days days = days_of(day);
  // The week belongs to the year of its Thursday.
  const chrono::sys_days monday = days - (chrono::weekday{days} - chrono::Monday);
  const chrono::year_month_day thursday{monday + chrono::days{3}};
  const auto year = static_cast<std::int32_t>(static_cast<int>(thursday.year()));
  const auto since = monday - days_of(first_day(Week{year, 1}));
  return Week{year, static_cast<std::int32_t>(since.count() / 7) + 1};
}

Week next(Week week) {
  return week_of(first_day(week).plus(7));
}

Week previous(Week week) {
  return week_of(first_day(week).plus(-7));
}

std::string day_words(Day day) {
  const chrono::sys_days days = days_of(day);
  const chrono::year_month_day date{days};
  return format("%s %u %.3s", kDayNames[chrono::weekday{days}.c_encoding()],
                static_cast<unsigned>(date.day()), month_name(date.month()));
}

std::string span_words(Week week) {
  const chrono::year_month_day from{days_of(first_day(week))};
  const chrono::year_month_day to{days_of(first_day(week).plus(6))};
  const auto from_day = static_cast<unsigned>(from.day());
  const auto to_day = static_cast<unsigned>(to.day());
  const auto year = static_cast<int>(to.year());
  if (from.month() == to.month()) {
    return format("%u to %u %s %d", from_day, to_day, month_name(to.month()), year);
  }
  if (from.year() == to.year()) {
    return format("%u %s to %u %s %d", from_day, month_name(from.month()), to_day,
                  month_name(to.month()), year);
  }
  return format("%u %s %d to %u %s %d", from_day, month_name(from.month()),
                static_cast<int>(from.year()), to_day, month_name(to.month()), year);
}

Day Calendar::day_of(WallTime time) const {
  const std::tm parts = parts_of(time, local_);
  return day_at(chrono::year{parts.tm_year + 1900} /
                chrono::month{static_cast<unsigned>(parts.tm_mon + 1)} /
                chrono::day{static_cast<unsigned>(parts.tm_mday)});
}

chrono::seconds Calendar::offset_at(WallTime time) const {
  return chrono::seconds{local_ ? parts_of(time, true).tm_gmtoff : 0};
}

WallTime Calendar::begin_of(Day day) const {
  const chrono::sys_days days = days_of(day);
  if (!local_) {
    return WallTime{days};
  }
  const chrono::year_month_day date{days};
  std::tm parts{};
  parts.tm_year = static_cast<int>(date.year()) - 1900;
  parts.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  parts.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  parts.tm_isdst = -1;
  return WallTime{chrono::seconds{std::mktime(&parts)}};
}

std::string Calendar::clock_words(WallTime time) const {
  const std::tm parts = parts_of(time, local_);
  return format("%02d:%02d", parts.tm_hour, parts.tm_min);
}

const DayFinder::Hour& DayFinder::hour_of(WallTime time) {
  const auto number = chrono::floor<chrono::hours>(time.time_since_epoch()).count();
  // The remainder of a negative number is negative: hours before 1970 count from the other end.
  Hour& hour = hours_[static_cast<std::uint64_t>(number) % kHours];
  if (hour.number != number) {
    const WallTime begin{chrono::hours{number}};
    hour.number = number;
    hour.offset = calendar_.offset_at(begin);
    hour.even =
        hour.offset == calendar_.offset_at(begin + chrono::minutes{60} - chrono::seconds{1});
  }
  return hour;
}

Day DayFinder::day_of(WallTime time) {
  const Hour& hour = hour_of(time);
  if (!hour.even) {
    return calendar_.day_of(time);
  }
  const auto local = chrono::floor<chrono::seconds>(time.time_since_epoch()) + hour.offset;
  return Day{static_cast<std::int32_t>(chrono::floor<chrono::days>(local).count())};
}

std::string utc_text(WallTime time) {
  const std::tm parts = parts_of(time, false);
  return format("%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace gnomon
