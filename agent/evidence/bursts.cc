#include "agent/evidence/bursts.h"

#include <algorithm>
#include <functional>

namespace gnomon {
namespace {

constexpr std::size_t kMaxCompany = 16;

bool can_lead(const Match& match) {
  if (match.role == Role::link) {
    return false;  // a click passes through; the page it leads to is what was opened
  }
  switch (match.meaning) {
    case Meaning::unknown:
    case Meaning::denied:
    case Meaning::host_of_others:
    case Meaning::tunnel:
    case Meaning::tool:
    case Meaning::family:
      return true;
    default:
      return false;
  }
}

bool is_passive(Role role) {
  return role == Role::embed || role == Role::link;
}

}  // namespace

Bursts::Burst& Bursts::burst_of(const std::string& user, WallTime now) {
  if (bursts_.size() >= kMaxUsers && !bursts_.contains(user)) {
    const auto oldest = std::min_element(
        bursts_.begin(), bursts_.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
    bursts_.erase(oldest);
  }
  Burst& burst = bursts_[user];
  const bool over = burst.number == 0 || now - burst.last > model_.burst_quiet ||
                    now - burst.begin > model_.burst_longest;
  if (over) {
    auto before = burst.before;
    before.at(burst.number % kRemembered) = {burst.number, burst.company};
    const std::uint32_t number = burst.number + 1;
    burst = Burst{};
    burst.before = before;
    burst.number = number;
    burst.begin = now;
  }
  burst.last = std::max(burst.last, now);
  return burst;
}

BurstView Bursts::add(const std::string& user, const Match& match,
                      std::optional<ToolIndex> family) {
  Burst& burst = burst_of(user, match.sighting.when);
  const bool tool_or_family = match.meaning == Meaning::tool || match.meaning == Meaning::family;
  if (match.meaning == Meaning::family) {
    family = match.tool;
  }
  if (!burst.led && can_lead(match)) {
    burst.led = true;
    burst.leader_meaning = match.meaning;
    burst.leader_role = match.role;
    burst.leader_tool = match.tool;
    burst.leader_family = tool_or_family ? family : std::nullopt;
    burst.leader_host = match.sighting.host;
    return {is_passive(match.role) ? LedBy::unclear : LedBy::itself, burst.number};
  }
  if (match.sighting.host != burst.leader_host && match.role != Role::embed &&
      burst.seen.size() < kMaxCompany) {
    const std::size_t hash = std::hash<std::string>{}(match.sighting.host);
    if (std::find(burst.seen.begin(), burst.seen.end(), hash) == burst.seen.end()) {
      burst.seen.push_back(hash);
      ++burst.company.others;
      burst.company.idp = burst.company.idp || match.meaning == Meaning::idp;
    }
  }
  if (!burst.led) {
    return {LedBy::unclear, burst.number};
  }
  if (match.sighting.host == burst.leader_host) {
    return {is_passive(burst.leader_role) ? LedBy::unclear : LedBy::itself, burst.number};
  }
  const bool leader_is_tool =
      burst.leader_meaning == Meaning::tool || burst.leader_meaning == Meaning::family;
  if (leader_is_tool && is_passive(burst.leader_role)) {
    return {LedBy::unclear, burst.number};
  }
  const bool same_tool = leader_is_tool && tool_or_family && burst.leader_tool == match.tool;
  const bool same_family = tool_or_family && family.has_value() && burst.leader_family == family;
  const bool own = same_tool || same_family;
  return {own ? LedBy::own : LedBy::other, burst.number, own && burst.leader_role == Role::site};
}

Company Bursts::company(const std::string& user, std::uint32_t number) const {
  const auto found = bursts_.find(user);
  if (found == bursts_.end()) {
    return {};
  }
  const Burst& burst = found->second;
  if (burst.number == number) {
    return burst.company;
  }
  const auto& [known, company] = burst.before.at(number % kRemembered);
  return known == number ? company : Company{};
}

}  // namespace gnomon
