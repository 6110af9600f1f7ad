// Match: what the match room yields, a sighting with its meaning. Owned.

#pragma once

#include <cstdint>
#include <string>

#include "agent/sight/sighting.h"
#include "core/catalog/rule_pack.h"

namespace gnomon {

// Match owns its text; `meaning` and the numbers are those of the pack that made it.
struct Match {
  Sighting sighting;
  Meaning meaning = Meaning::unknown;
  std::uint32_t also = 0;  // bit per Meaning, as in HostMatch
  ToolIndex tool = 0;      // for tool and family
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  RuleConfidence confidence = RuleConfidence::low;
  RuleWeight weight = RuleWeight::normal;
  std::uint16_t shared_with = 0;  // as in HostMatch
  TenantOwner owner = TenantOwner::unknown;
  AccountKind account = AccountKind::unknown;
  std::string tenant;
  std::string name;  // provider, for idp and blind spots
  std::uint32_t rule = 0;
  // The sighted name is a company's own, and only its alias (CNAME) leads to the tool: role is at
  // most content, the tenant is not trusted, and no sign-in or use may rest on it.
  bool by_alias = false;

  bool shares(Role other) const {
    return (shared_with & (1U << static_cast<unsigned>(other))) != 0;
  }
  bool is(Meaning other) const { return (also & (1U << static_cast<unsigned>(other))) != 0; }
};

}  // namespace gnomon
