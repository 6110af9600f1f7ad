// Small pieces of HTML that the pages share. Inside collector/web only.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/digest/document.h"
#include "collector/web/pages.h"

namespace gnomon::web {

// Nav says which entry of the navigation the page belongs to.
enum class Nav : std::uint8_t { none, tools, digest, unknowns, agents };

// whole_page puts head, header and footer around `main`.
std::string whole_page(const Frame& frame, Nav nav, std::string_view title, std::string_view main);

// query_value makes text safe as the value of a query parameter.
std::string query_value(std::string_view text);

// badge is a few words in a frame; `kind` is its class in the style sheet.
std::string badge(const char* kind, std::string_view words);

// Bars and lines draw hidden groups at the size of the largest that would be hidden, so that a
// picture tells no more than its words.
std::uint32_t shown_size(std::uint32_t count, std::uint32_t min_group);

std::string stage_bar(const ToolWeek& tool, const Frame& frame);
std::string history_line(const ToolWeek& tool, const Frame& frame);

// ago gives "2 hours ago", with the exact time for machines.
std::string ago(WallTime when, WallTime now);

}  // namespace gnomon::web
