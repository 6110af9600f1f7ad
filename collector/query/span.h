// Span: a week that is asked about, in days and in moments.

#pragma once

#include <cstddef>
#include <cstdint>

#include "collector/query/answer.h"
#include "collector/rollup/calendar.h"
#include "core/clock.h"

namespace gnomon {

// Span is a week and the weeks before it, in days and in moments.
struct Span {
  Span(Week asked, const Calendar& calendar)
      : week(asked),
        monday(first_day(asked)),
        begin(calendar.begin_of(monday)),
        end(calendar.begin_of(monday.plus(7))) {}

  bool holds(WallTime time) const { return time >= begin && time < end; }
  bool holds(Day day) const { return day >= monday && day < monday.plus(7); }
  Day history_begin() const {
    return monday.plus(-7 * (static_cast<std::int32_t>(kHistoryWeeks) - 1));
  }
  std::size_t history_index(Day day) const {
    return static_cast<std::size_t>((day.number - history_begin().number) / 7);
  }

  Week week;
  Day monday;
  WallTime begin;
  WallTime end;
};

}  // namespace gnomon
