#include "collector/digest/digest.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "collector/digest/lines.h"
#include "core/counted.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxWhy = 8;  // lines of evidence: enough for every step of a sign-up

int percent(std::uint16_t thousandths) {
  return static_cast<int>(std::lround(thousandths / 10.0));
}

// Maker writes one digest; its members are what every section needs.
class Maker {
 public:
  Maker(const WeekAnswer& answer, const Reviewed& reviewed, const Calendar& calendar,
        const DigestPolicy& policy, const UnknownsAnswer& unknowns)
      : answer_(answer),
        reviewed_(reviewed),
        unknowns_(unknowns),
        calendar_(calendar),
        min_group_(policy.min_group) {
    for (const StandingRecord& record : reviewed.standings) {
      standings_[record.change.tool] = &record;
    }
    names_ = reviewed.names;
    for (const ToolWeek& week : answer.tools) {
      names_[week.tool.id] = week.tool.name;
    }
  }

  Digest make() {
    digest_.week = answer_.week;
    digest_.span = span_words(answer_.week);
    digest_.complete = answer_.complete;
    digest_.first_week = answer_.first_week;
    digest_.sample = answer_.sample;
    digest_.asked = utc_text(answer_.asked);
    digest_.fresh = answer_.fresh ? utc_text(*answer_.fresh) : std::string{};
    digest_.min_group = min_group_;
    for (const ToolWeek& week : answer_.tools) {
      add_tool(week);
    }
    add_trials();
    digest_.overlaps = overlap_lines(answer_.tools);
    digest_.tenants = tenant_lines(answer_.tools, min_group_);
    digest_.decided = decided_lines(reviewed_.record, answer_.week, calendar_, names_);
    digest_.answers = answer_lines(answer_, reviewed_.record, calendar_);
    digest_.outside = outside_lines(unknowns_, min_group_);
    digest_.blind_spots = blind_spot_lines(answer_.coverage);
    digest_.headline = headline();
    return std::move(digest_);
  }

 private:
  std::string standing_of(const ToolName& tool) const {
    const auto found = standings_.find(tool.id);
    if (found != standings_.end()) {
      return std::string{to_string(found->second->change.standing)};
    }
    return std::string{to_string(tool.sanctioned ? Standing::sanctioned : Standing::fresh)};
  }

  DigestTool entry(const ToolWeek& week, std::uint32_t devices) const {
    DigestTool made;
    made.id = week.tool.id;
    made.name = week.tool.name;
    made.category = week.tool.category;
    made.standing = standing_of(week.tool);
    made.devices = devices_in_words(devices, min_group_);
    return made;
  }

  void add_tool(const ToolWeek& week) {
    if (week.devices == 0) {
      // Nobody used it: it is counted, and never named.
      if (week.in_stage(Stage::embedded) > 0) {
        ++digest_.embedded_only;
      } else {
        ++digest_.mentioned_only;
      }
      return;
    }
    if (week.signup) {
      add_signup(week);
    }
    const std::uint32_t active = week.in_stage(Stage::active);
    const std::uint32_t integrated = week.in_stage(Stage::integrated);
    if (week.is_new && !week.signup && worked_in(week) > 0) {
      DigestTool made = entry(week, week.devices);
      made.words = made.devices.words + ", first seen in use " +
                   day_words(calendar_.day_of(*week.first_used));
      digest_.fresh_tools.push_back(std::move(made));
    }
    if (!week.is_new && week.devices >= week.devices_before + 2 &&
        week.devices * 2 >= week.devices_before * 3) {
      DigestTool made = entry(week, week.devices);
      made.words = made.devices.words + ", after " +
                   devices_in_words(week.devices_before, min_group_).words + " the week before";
      digest_.growing.push_back(std::move(made));
    }
    if (active > 0) {
      DigestTool made = entry(week, active);
      made.words = made.devices.words + " came back on another day";
      digest_.in_use.push_back(std::move(made));
    }
    if (integrated > 0) {
      DigestTool made = entry(week, integrated);
      made.words = "programs on " + made.devices.words + " call its API";
      if (!week.api_programs.empty()) {
        std::string programs;
        for (const std::string& program : week.api_programs) {
          programs += (programs.empty() ? "" : ", ") + program;
        }
        made.why.push_back("seen calling: " + programs);
      }
      digest_.integrations.push_back(std::move(made));
    }
    if (worked_in(week) == 0 && !week.signup) {
      DigestTool made = entry(week, week.devices);
      const std::uint32_t guests = week.in_stage(Stage::guest);
      made.words = made.devices.words;
      made.words += guests == week.devices ? ", as somebody's guest" : "";
      digest_.opened.push_back(std::move(made));
    }
    const std::string standing = standing_of(week.tool);
    if (standing == "retiring" || standing == "retired") {
      DigestTool made = entry(week, week.devices);
      made.words = standing + ", still seen on " + made.devices.words;
      if (integrated > 0) {
        made.words += ", and programs still call it";
      }
      digest_.leaving.push_back(std::move(made));
    }
  }

  void add_signup(const ToolWeek& week) {
    const SignupFact& fact = *week.signup;
    DigestTool made = entry(week, fact.devices);
    made.confidence_percent = percent(fact.confidence);
    const std::string sure = " (confidence " + std::to_string(*made.confidence_percent) + " %)";
    if (made.devices.exact) {
      made.words = "new accounts are likely on " + made.devices.words + sure;
    } else {
      made.words = "somebody probably signed up" + sure;
    }
    made.words += ", on " + day_words(fact.day);
    std::set<std::string> told;
    for (const Evidence& line : fact.evidence) {
      std::string text = line.what;
      if (!line.host.empty()) {
        text += " (" + line.host + ")";
      }
      if (!text.empty() && made.why.size() < kMaxWhy && told.insert(text).second) {
        made.why.push_back(std::move(text));
      }
    }
    if (made.why.empty()) {
      made.why.emplace_back("the sequence of contacts fits that of a sign-up");
    }
    digest_.signups.push_back(std::move(made));
  }

  void add_trials() {
    const Day sunday = first_day(answer_.week).plus(6);
    for (const StandingRecord& record : reviewed_.standings) {
      if (record.change.standing != Standing::trial || !record.change.review_on) {
        continue;
      }
      DigestTool made;
      made.id = record.change.tool;
      made.name = name_of(names_, made.id);
      made.standing = "trial";
      const auto found =
          std::find_if(answer_.tools.begin(), answer_.tools.end(),
                       [&](const ToolWeek& week) { return week.tool.id == made.id; });
      made.devices =
          devices_in_words(found == answer_.tools.end() ? 0 : found->devices, min_group_);
      const int left = record.change.review_on->number - sunday.number;
      made.words = left > 0 ? counted(static_cast<std::uint64_t>(left), "day", "days") + " left, " +
                                  made.devices.words
                            : "the trial is over, an answer is due; " + made.devices.words;
      digest_.trials.push_back(std::move(made));
    }
  }

  std::string headline() const {
    std::vector<std::string> parts;
    const auto part = [&](std::size_t count, const char* one, const char* many) {
      if (count > 0) {
        parts.push_back(counted(count, one, many));
      }
    };
    part(digest_.signups.size(), "tool with a likely sign-up", "tools with likely sign-ups");
    part(digest_.fresh_tools.size(), "other new tool", "other new tools");
    part(digest_.growing.size(), "growing tool", "growing tools");
    part(digest_.in_use.size(), "tool that people came back to", "tools that people came back to");
    part(digest_.integrations.size(), "tool that programs call", "tools that programs call");
    part(digest_.decided.size(), "decision", "decisions");
    if (parts.empty()) {
      return answer_.fresh ? "A quiet week." : "Nothing was reported in this week.";
    }
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    }
    return text + ".";
  }

  const WeekAnswer& answer_;
  const Reviewed& reviewed_;
  const UnknownsAnswer& unknowns_;
  const Calendar& calendar_;
  std::uint32_t min_group_;
  std::map<std::string, const StandingRecord*> standings_;
  ToolNames names_;
  Digest digest_;
};

}  // namespace

bool may_be_named(const TenantSeen& tenant, std::uint32_t min_group) {
  return tenant.whose == TenantSeen::Whose::own || tenant.devices >= min_group;
}

Devices devices_in_words(std::uint32_t count, std::uint32_t min_group) {
  if (count == 0) {
    return {0, "no device"};
  }
  if (count < min_group) {
    return {std::nullopt, min_group == 2 ? "1 device"
                          : min_group == 3
                              ? "1-2 devices"
                              : "fewer than " + std::to_string(min_group) + " devices"};
  }
  return {count, counted(count, "device", "devices")};
}

Digest make_digest(const WeekAnswer& answer, const Reviewed& reviewed, const Calendar& calendar,
                   const DigestPolicy& policy, const UnknownsAnswer& unknowns) {
  return Maker{answer, reviewed, calendar, policy, unknowns}.make();
}

}  // namespace gnomon
