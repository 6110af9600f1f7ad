// Match: what the match room yields, a sighting with its meaning. Owned.

#pragma once

#include <string>

#include "agent/sight/sighting.h"
#include "core/catalog/rule_pack.h"

namespace gnomon {

// Match owns its text; `meaning` and the numbers are those of the pack that made it.
struct Match {
  Sighting sighting;
  Meaning meaning = Meaning::unknown;
  ToolIndex tool = 0;  // for tool and family
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  RuleConfidence confidence = RuleConfidence::low;
  RuleWeight weight = RuleWeight::normal;
  std::uint16_t shared_with = 0;  // as in HostMatch
  std::string tenant;
  std::uint32_t rule = 0;
};

}  // namespace gnomon
