// Pages: HTML made on the server. No scripts, nothing fetched from elsewhere.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/digest/digest.h"
#include "collector/query/answer.h"
#include "collector/review/review.h"
#include "collector/unknowns/unknown_list.h"

namespace gnomon::web {

// Frame is what every page shows around its content.
struct Frame {
  bool sample = false;
  std::uint32_t min_group = kDefaultMinGroup;
  Calendar calendar = Calendar::utc();
};

// ToolFilter is what the form above the list of tools asks for.
struct ToolFilter {
  std::string text;      // part of the name, category or vendor
  std::string category;  // label; empty: all
  bool all = false;      // also what nobody used
};

using Standings = std::map<std::string, StandingRecord, std::less<>>;  // by tool id

std::string tools_page(const Frame& frame, const WeekAnswer& answer, const Standings& standings,
                       const ToolFilter& filter);
std::string tool_page(const Frame& frame, const ToolWeek& tool, Week week,
                      const std::vector<StandingRecord>& record);
std::string agents_page(const Frame& frame, const AgentsAnswer& answer);
// UnknownsFacts is how this collector treats domains outside the catalogue.
struct UnknownsFacts {
  bool enabled = false;
  std::uint32_t min_devices = 5;
};
std::string unknowns_page(const Frame& frame, const UnknownsAnswer& answer,
                          const UnknownsFacts& facts);
std::string digest_page(const Frame& frame, const Digest& digest, const std::vector<Week>& issued);

// message_page tells what went wrong, and where to go.
std::string message_page(const Frame& frame, std::string_view title, std::string_view text);

std::string_view style();  // served as /assets/gnomon.css
std::string_view mark();   // the sign of Gnomon, served as /assets/gnomon.svg

// standing_word is the standing of a tool as people read it.
std::string standing_word(const ToolName& tool, const Standings& standings);

}  // namespace gnomon::web
