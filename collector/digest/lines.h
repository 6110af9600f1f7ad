// The digest's sections that are single facts in words. Each is a pure function of what it speaks
// of.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/digest/digest.h"
#include "collector/query/answer.h"
#include "collector/review/review.h"
#include "collector/rollup/calendar.h"
#include "collector/unknowns/unknown_list.h"

namespace gnomon {

// ToolNames are what tools are called, by id. name_of falls back to the id.
using ToolNames = std::map<std::string, std::string>;
std::string name_of(const ToolNames& names, const std::string& id);

// worked_in counts the devices on which somebody did more with a tool than look at it.
std::uint32_t worked_in(const ToolWeek& week);

// overlap_lines names the jobs for which people work in several tools.
std::vector<DigestLine> overlap_lines(const std::vector<ToolWeek>& tools);

// tenant_lines tells where colleagues met parts of a tool that are other companies'. Numbers of
// parts only: their names may be those of customers and partners.
std::vector<DigestLine> tenant_lines(const std::vector<ToolWeek>& tools, std::uint32_t min_group);

// decided_lines tells the decisions of `record` that fell in `week`.
std::vector<DigestLine> decided_lines(const std::vector<StandingRecord>& record, Week week,
                                      const Calendar& calendar, const ToolNames& names);

// answer_lines tells how long tools that people work in waited for their first decision in
// `record`, and which still wait at the week's end, or at the time of `answer` when that is sooner.
std::vector<DigestLine> answer_lines(const WeekAnswer& answer,
                                     const std::vector<StandingRecord>& record,
                                     const Calendar& calendar);

// outside_lines lists what devices met in the week and the catalogue does not know. Who is new to
// it is told only as a group: the difference of two weeks must not show one device.
std::vector<DigestLine> outside_lines(const UnknownsAnswer& unknowns, std::uint32_t min_group);

// blind_spot_lines tells what could not be seen, and what was declared lost.
std::vector<DigestLine> blind_spot_lines(const Coverage& seen);

}  // namespace gnomon
