// Answers as JSON, for the API. Inside collector/http only.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/query/answer.h"
#include "collector/web/pages.h"

namespace gnomon::http {

// Page is one piece of a list: the items after `cursor`, at most `limit`.
struct Page {
  std::string cursor;  // id of the last item of the piece before; empty: from the start
  std::size_t limit = 100;
};

constexpr std::size_t kMaxLimit = 1000;

// Lists are ordered by id, so that paging is not upset by what arrives meanwhile. `next` is absent
// in the last piece. Counts below `min_group` are null, with words beside them.
std::string tools_json(const WeekAnswer& answer, const web::Standings& standings,
                       std::uint32_t min_group, bool all, const Page& page);
std::string tool_json(const ToolWeek& tool, Week week, const std::vector<StandingRecord>& record,
                      std::uint32_t min_group);
// `kept_out` says why an agent is not let in; empty: null for all.
std::string agents_json(const AgentsAnswer& answer, const Page& page,
                        const std::function<std::string(const std::string& agent)>& kept_out);
std::string unknowns_json(const UnknownsAnswer& answer, const web::UnknownsFacts& facts,
                          std::uint32_t min_group, const Page& page);
std::string digests_json(const std::vector<Week>& issued);

// problem_json is RFC 9457.
std::string problem_json(unsigned status, std::string_view title, std::string_view detail,
                         std::string_view instance);

std::string health_json(std::string_view status, std::string_view reason);

std::string_view openapi_json();

}  // namespace gnomon::http
