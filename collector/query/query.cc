#include "collector/query/query.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "collector/query/coverage.h"
#include "collector/query/span.h"
#include "core/catalog/rule_pack.h"

namespace gnomon {
namespace {

// DeviceWeeks is what one device did with one tool in the weeks that are told.
struct DeviceWeeks {
  Stage stage = Stage::none;  // furthest in the asked week
  std::uint32_t used = 0;     // bit i: used in week i of the history
};

// ToolFacts gathers one tool while the totals are read.
struct ToolFacts {
  std::map<std::string, DeviceWeeks, std::less<>> devices;
  std::set<std::string> signup_devices;
  std::optional<SignupFact> signup;
  std::map<std::string, std::set<std::string>> tenants;  // in the week: by whom
  std::set<std::string> tenants_before;                  // in the weeks of the history before it
  std::set<std::string> api_programs;
  ToolDevice life;
  std::uint32_t devices_ever = 0;
};
using Facts = std::map<std::string, ToolFacts, std::less<>>;

Result<Ok, IoError> read_days(const Snapshot& snapshot, const Span& span, std::string_view only,
                              Facts& facts) {
  return snapshot.days(
      span.history_begin(), span.monday.plus(7),
      [&](Day day, std::string_view tool, std::string_view device, const DayTotal& total) {
        if (!only.empty() && tool != only) {
          return true;
        }
        ToolFacts& of_tool = facts[std::string{tool}];
        DeviceWeeks& weeks = of_tool.devices[std::string{device}];
        if (is_use(total.stage)) {
          weeks.used |= 1U << span.history_index(day);
        }
        if (!span.holds(day)) {
          of_tool.tenants_before.insert(total.tenants.begin(), total.tenants.end());
          return true;
        }
        if (involvement(total.stage) > involvement(weeks.stage)) {
          weeks.stage = total.stage;
        }
        for (const std::string& tenant : total.tenants) {
          of_tool.tenants[tenant].emplace(device);
        }
        of_tool.api_programs.insert(total.api_programs.begin(), total.api_programs.end());
        // Whether this is the device's first sign-up its life will tell.
        if (total.signup &&
            (!of_tool.signup || total.signup->confidence > of_tool.signup->confidence)) {
          of_tool.signup = SignupFact{0, day, total.signup->confidence, total.signup->evidence};
        }
        return true;
      });
}

Result<Ok, IoError> read_lives(const Snapshot& snapshot, const Span& span, std::string_view only,
                               Facts& facts) {
  return snapshot.tools(
      only, [&](std::string_view tool, std::string_view device, const ToolDevice& life) {
        if (life.first_seen >= span.end) {
          return true;
        }
        ToolFacts& of_tool = facts[std::string{tool}];
        add(of_tool.life, life);
        of_tool.devices_ever += life.first_used < span.end ? 1U : 0U;
        if (span.holds(life.first_signup)) {
          of_tool.signup_devices.emplace(device);
        }
        return true;
      });
}

// hide_tenants takes hosts out of the evidence that show whose part of a tool it was: with few
// devices that can be as good as a name.
void hide_tenants(std::vector<Evidence>& evidence,
                  const std::map<std::string, std::set<std::string>>& tenants) {
  for (Evidence& line : evidence) {
    for (const auto& [tenant, devices] : tenants) {
      if (line.host.find(tenant) != std::string::npos) {
        line.host.clear();
      }
    }
  }
}

std::vector<std::string> first_names(const std::set<std::string>& names) {
  std::vector<std::string> first{names.begin(), names.end()};
  if (first.size() > kMaxDayNames) {
    first.resize(kMaxDayNames);
  }
  return first;
}

ToolWeek tool_week(ToolName name, ToolFacts&& facts, const Span& span) {
  ToolWeek week;
  week.tool = std::move(name);
  for (const auto& [device, weeks] : facts.devices) {
    ++week.devices_by_stage[static_cast<std::size_t>(weeks.stage)];
    for (std::size_t i = 0; i < kHistoryWeeks; ++i) {
      week.history[i] += (weeks.used >> i) & 1U;
    }
  }
  week.devices = week.history[kHistoryWeeks - 1];
  week.devices_before = week.history[kHistoryWeeks - 2];
  week.devices_ever = facts.devices_ever;
  week.first_seen = facts.life.first_seen;
  week.last_seen = facts.life.last_seen;
  if (facts.life.first_used != WallTime::max()) {
    week.first_used = facts.life.first_used;
    week.is_new = span.holds(facts.life.first_used);
  }
  if (facts.signup && !facts.signup_devices.empty()) {
    week.signup = std::move(facts.signup);
    week.signup->devices = static_cast<std::uint32_t>(facts.signup_devices.size());
    hide_tenants(week.signup->evidence, facts.tenants);
  }
  const bool known_before = week.first_used && *week.first_used < span.begin;
  for (const auto& [tenant, devices] : facts.tenants) {
    if (week.tenants.size() < kMaxDayNames) {
      week.tenants.push_back({tenant, TenantSeen::Whose::unknown,
                              static_cast<std::uint32_t>(devices.size()),
                              known_before && !facts.tenants_before.contains(tenant)});
    }
  }
  week.api_programs = first_names(facts.api_programs);
  return week;
}

}  // namespace

Result<WeekAnswer, IoError> Query::week(Week week) const {
  const auto snapshot = source_.snapshot();
  const StoreFacts facts = snapshot->facts();
  const Span span{week, facts.calendar};
  WeekAnswer answer;
  answer.week = week;
  answer.sample = facts.sample;
  answer.asked = clock_.wall();
  answer.complete = answer.asked >= span.end;

  Facts tools;
  for (const auto& read :
       {read_days(*snapshot, span, {}, tools), read_lives(*snapshot, span, {}, tools),
        read_coverage(*snapshot, span, answer)}) {
    if (!read) {
      return Failure{read.error()};
    }
  }
  WallTime first_used = WallTime::max();
  for (auto& [id, of_tool] : tools) {
    first_used = std::min(first_used, of_tool.life.first_seen);
    // A tool that was only met in other weeks is no part of this one.
    const bool seen =
        std::any_of(of_tool.devices.begin(), of_tool.devices.end(),
                    [](const auto& entry) { return entry.second.stage != Stage::none; });
    if (seen) {
      answer.tools.push_back(tool_week(name_of(id), std::move(of_tool), span));
      tell_owners(answer.tools.back());
    }
  }
  answer.first_week = !tools.empty() && first_used >= span.begin;
  std::stable_sort(answer.tools.begin(), answer.tools.end(),
                   [](const ToolWeek& a, const ToolWeek& b) {
                     return std::tie(b.devices, a.tool.name) < std::tie(a.devices, b.tool.name);
                   });
  return answer;
}

Result<std::optional<ToolWeek>, IoError> Query::tool(std::string_view id, Week week) const {
  const auto snapshot = source_.snapshot();
  const Span span{week, snapshot->facts().calendar};
  Facts tools;
  for (const auto& read :
       {read_days(*snapshot, span, id, tools), read_lives(*snapshot, span, id, tools)}) {
    if (!read) {
      return Failure{read.error()};
    }
  }
  const auto found = tools.find(id);
  if (id.empty() || found == tools.end() || found->second.life.first_seen == WallTime::max()) {
    return std::optional<ToolWeek>{};
  }
  ToolWeek week_of_tool = tool_week(name_of(id), std::move(found->second), span);
  tell_owners(week_of_tool);
  return std::optional{std::move(week_of_tool)};
}

void Query::set_pack(std::shared_ptr<const RulePack> pack) {
  std::atomic_store(&pack_, std::move(pack));
}

void Query::tell_owners(ToolWeek& week) const {
  const std::shared_ptr<const RulePack> pack = std::atomic_load(&pack_);
  const auto index = pack == nullptr ? std::nullopt : pack->find_tool(week.tool.id);
  if (!index) {
    return;
  }
  for (TenantSeen& tenant : week.tenants) {
    const TenantOwner owner = pack->owner_of(*index, tenant.name);
    tenant.whose = owner == TenantOwner::own       ? TenantSeen::Whose::own
                   : owner == TenantOwner::foreign ? TenantSeen::Whose::foreign
                                                   : TenantSeen::Whose::unknown;
  }
}

ToolName Query::name_of(std::string_view id) const {
  const std::shared_ptr<const RulePack> pack = std::atomic_load(&pack_);
  ToolName name;
  name.id = id;
  name.name = id;
  if (pack == nullptr) {
    return name;
  }
  const auto index = pack->find_tool(id);
  if (!index) {
    return name;
  }
  const ToolView view = pack->tool(*index);
  name.known = true;
  name.name = view.name;
  name.vendor = view.vendor;
  name.homepage = view.homepage;
  name.category = view.category;
  name.sanctioned = pack->sanctioned(*index);
  for (const CategoryView& category : pack->categories()) {
    if (category.id == view.category) {
      name.category = category.label;
    }
  }
  const auto jobs = pack->jobs();
  for (const std::string_view job : view.jobs) {
    const auto found = std::find_if(jobs.begin(), jobs.end(),
                                    [&](const JobView& known) { return known.id == job; });
    name.jobs.emplace_back(found == jobs.end() ? job : found->label);
  }
  return name;
}

Day Query::today() const {
  return facts().calendar.day_of(clock_.wall());
}

Week Query::current_week() const {
  return week_of(today());
}

Result<Week, IoError> Query::newest_week() const {
  const auto snapshot = source_.snapshot();
  WallTime newest = WallTime::min();
  const auto read = snapshot->tools({}, [&](auto, auto, const ToolDevice& life) {
    newest = std::max(newest, life.last_seen);
    return true;
  });
  if (!read) {
    return Failure{read.error()};
  }
  return newest == WallTime::min() ? current_week()
                                   : week_of(snapshot->facts().calendar.day_of(newest));
}

StoreFacts Query::facts() const {
  return source_.snapshot()->facts();
}

}  // namespace gnomon
