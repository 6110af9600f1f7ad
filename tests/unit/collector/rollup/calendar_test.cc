#include "collector/rollup/calendar.h"

#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/uploads.h"

using namespace gnomon;

namespace {

// Zone sets the process's time zone, and sets it back.
class Zone {
 public:
  explicit Zone(const char* name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): tests run one after the other
    if (const char* before = std::getenv("TZ")) {
      before_ = before;
      had_ = true;
    }
    set(name);
  }
  ~Zone() { set(had_ ? before_.c_str() : nullptr); }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

 private:
  static void set(const char* name) {
    if (name == nullptr) {
      ::unsetenv("TZ");  // NOLINT(concurrency-mt-unsafe): as above
    } else {
      ::setenv("TZ", name, 1);  // NOLINT(concurrency-mt-unsafe): as above
    }
    ::tzset();
  }

  std::string before_;
  bool had_ = false;
};

}  // namespace

TEST_CASE("Calendar: ISO weeks at the turn of the year are those of the standard", "[collector]") {
  const Calendar calendar = Calendar::utc();
  const auto week = [&](int year, unsigned month, unsigned day) {
    using namespace std::chrono;
    return to_string(week_of(calendar.day_of(WallTime{
        sys_days{std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day}}})));
  };
  CHECK(week(2026, 11, 22) == "2026-W47");
  CHECK(week(2026, 11, 23) == "2026-W48");
  CHECK(week(2021, 1, 3) == "2020-W53");
  CHECK(week(2021, 1, 4) == "2021-W01");
  CHECK(week(2024, 12, 30) == "2025-W01");
  CHECK(week(2027, 1, 1) == "2026-W53");
}

TEST_CASE("Calendar: a week and its first day are inverse for a century", "[collector]") {
  for (Week week{1990, 1}; week < Week{2090, 1}; week = next(week)) {
    const Day monday = first_day(week);
    REQUIRE(week_of(monday) == week);
    REQUIRE(week_of(monday.plus(6)) == week);
    REQUIRE(previous(next(week)) == week);
    REQUIRE(parse_week(to_string(week)) == week);
  }
}

TEST_CASE("Calendar: only well-formed weeks that exist are read", "[collector]") {
  CHECK(parse_week("2026-W53").has_value());
  for (const char* text : {"", "2026-W00", "2026-W54", "2025-W53", "2026W47", "2026-W7", "2026-w47",
                           "2026-W4x", "-026-W47", "2026-W+7", "1969-W10", "9999-W10"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_week(text).has_value());
  }
}

TEST_CASE("Calendar: words for people", "[collector]") {
  CHECK(span_words(Week{2026, 47}) == "16 to 22 November 2026");
  CHECK(span_words(Week{2026, 49}) == "30 November to 6 December 2026");
  CHECK(span_words(Week{2026, 53}) == "28 December 2026 to 3 January 2027");
  CHECK(day_words(first_day(Week{2026, 47}).plus(1)) == "Tue 17 Nov");
  CHECK(to_string(first_day(Week{2026, 47})) == "2026-11-16");
  CHECK(utc_text(testing::at(17, 9, 5)) == "2026-11-17T09:05:00Z");
  CHECK(Calendar::utc().clock_words(testing::at(17, 9, 5)) == "09:05");
}

TEST_CASE("Calendar: a day begins at its first moment", "[collector]") {
  for (const Calendar calendar : {Calendar::utc(), Calendar::local()}) {
    const Day day = calendar.day_of(testing::at(17, 12));
    CHECK(calendar.day_of(calendar.begin_of(day)) == day);
    CHECK(calendar.day_of(calendar.begin_of(day) - std::chrono::nanoseconds{1}) == day.plus(-1));
  }
}

TEST_CASE("DayFinder: says what the calendar says, whenever clocks are set", "[collector]") {
  using namespace std::chrono;
  // Rules of their own, so that it does not hang on the machine's time zone data: central Europe;
  // half an hour's change; and Newfoundland's of before 2011, a minute past midnight, when a day
  // ends twice.
  for (const char* zone : {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "LHST-10:30LHDT-11,M10.1.0,M4.1.0",
                           "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01"}) {
    CAPTURE(zone);
    const Zone set{zone};
    const Calendar calendar = Calendar::local();
    DayFinder finder{calendar};
    const WallTime begin{sys_days{year{2026} / January / 1}};
    std::mt19937 random{3};  // NOLINT(cert-msc51-cpp): the same moments every time
    bool same = true;
    for (int i = 0; i < 300'000; ++i) {
      // First through the year by the second minute, then here and there over it.
      const auto minute = i < 262'800 ? i * 2 : static_cast<int>(random() % 525'600);
      const WallTime moment = begin + minutes{minute} + nanoseconds{random() % 60'000'000'000};
      same = same && finder.day_of(moment) == calendar.day_of(moment);
    }
    CHECK(same);
  }
}

TEST_CASE("DayFinder: knows the days before 1970 too", "[collector]") {
  DayFinder finder{Calendar::utc()};
  CHECK(finder.day_of(WallTime{} - std::chrono::nanoseconds{1}) == Day{-1});
  CHECK(finder.day_of(WallTime{}) == Day{0});
  CHECK(finder.day_of(WallTime{} - std::chrono::hours{49}) == Day{-3});
}
