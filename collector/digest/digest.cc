#include "collector/digest/digest.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "core/counted.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxOutside = 10;  // domains outside the catalogue: a digest is short
constexpr std::size_t kMaxWhy = 8;       // lines of evidence: enough for every step of a sign-up

int percent(std::uint16_t thousandths) {
  return static_cast<int>(std::lround(thousandths / 10.0));
}

std::string percent_words(double share) {
  // Never "100 %" when something was missed.
  const auto whole = static_cast<int>(std::floor(share * 100));
  return std::to_string(share < 1 ? std::min(whole, 99) : 100) + " %";
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
    add_overlaps();
    add_tenants();
    add_decided();
    add_answers();
    add_outside();
    add_blind_spots();
    digest_.headline = headline();
    return std::move(digest_);
  }

 private:
  static std::uint32_t worked_in(const ToolWeek& week) {
    return week.in_stage(Stage::signup_likely) + week.in_stage(Stage::active) +
           week.in_stage(Stage::integrated);
  }

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
      made.name = name_of(made.id);
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

  void add_overlaps() {
    std::map<std::string, std::vector<std::string>> by_job;
    for (const ToolWeek& week : answer_.tools) {
      if (worked_in(week) > 0) {
        for (const std::string& job : week.tool.jobs) {
          by_job[job].push_back(week.tool.name);
        }
      }
    }
    for (auto& [job, names] : by_job) {
      if (names.size() < 2) {
        continue;
      }
      std::sort(names.begin(), names.end());
      std::string list;
      for (std::size_t i = 0; i < names.size(); ++i) {
        list += i == 0 ? "" : i + 1 == names.size() ? " and " : ", ";
        list += names[i];
      }
      std::string text = job;
      text += ": ";
      text += list;
      text += " are in use for the same job";
      digest_.overlaps.push_back({job, std::move(text)});
    }
  }

  void add_decided() {
    for (const StandingRecord& record : reviewed_.record) {
      if (week_of(calendar_.day_of(record.when)) != answer_.week) {
        continue;
      }
      const StandingChange& change = record.change;
      std::string text = name_of(change.tool) + ": now " + std::string{to_string(change.standing)} +
                         ", was " + std::string{to_string(record.before)};
      if (!change.reason.empty()) {
        text += ". " + change.reason;
      }
      if (!change.alternative.empty()) {
        text += ". Instead: " + name_of(change.alternative);
      }
      if (change.review_on) {
        text +=
            std::string{change.standing == Standing::trial ? ". Until " : ". Looked at again on "} +
            to_string(*change.review_on);
      }
      digest_.decided.push_back({change.tool, std::move(text)});
    }
  }

  // first_answers finds when each tool was decided about for the first time.
  std::map<std::string, WallTime> first_answers() const {
    std::map<std::string, WallTime> first;
    for (const StandingRecord& record : reviewed_.record) {
      if (record.change.standing != Standing::fresh &&
          record.change.standing != Standing::in_review) {
        first.emplace(record.change.tool, record.when);
      }
    }
    return first;
  }

  void add_answers() {
    const auto answered = first_answers();
    const WallTime end = std::min(answer_.asked, calendar_.begin_of(first_day(next(answer_.week))));
    std::vector<int> days;
    int waiting = 0;
    int oldest = 0;
    for (const ToolWeek& week : answer_.tools) {
      if (!week.first_used || worked_in(week) == 0) {
        continue;
      }
      const Day since = calendar_.day_of(*week.first_used);
      const auto found = answered.find(week.tool.id);
      if (found != answered.end() && found->second <= end) {
        if (week_of(calendar_.day_of(found->second)) == answer_.week) {
          days.push_back(std::max(0, calendar_.day_of(found->second).number - since.number));
        }
      } else if (!week.tool.sanctioned) {
        ++waiting;
        oldest = std::max(oldest, calendar_.day_of(end).number - since.number);
      }
    }
    if (!days.empty()) {
      std::sort(days.begin(), days.end());
      digest_.answers.push_back(
          {"answered",
           "We answered for " + counted(days.size(), "tool", "tools") + ", half of them within " +
               counted(static_cast<std::uint64_t>(days[days.size() / 2]), "day", "days")});
    }
    if (waiting > 0) {
      digest_.answers.push_back(
          {"waiting", counted(static_cast<std::uint64_t>(waiting), "tool that people work in waits",
                              "tools that people work in wait") +
                          " for our answer, the longest for " +
                          counted(static_cast<std::uint64_t>(oldest), "day", "days")});
    }
  }

  // add_tenants tells where colleagues met parts of a tool that are other companies'. Numbers of
  // parts only: their names may be those of customers and partners.
  void add_tenants() {
    for (const ToolWeek& week : answer_.tools) {
      std::uint64_t own = 0;
      std::uint64_t foreign = 0;
      std::uint64_t fresh = 0;
      for (const TenantSeen& tenant : week.tenants) {
        own += tenant.whose == TenantSeen::Whose::own ? 1 : 0;
        foreign += tenant.whose == TenantSeen::Whose::foreign ? 1 : 0;
        fresh += tenant.whose == TenantSeen::Whose::foreign && tenant.is_new ? 1 : 0;
      }
      if (foreign == 0 || week.devices < min_group_) {
        continue;
      }
      std::string text = week.tool.name + ": " +
                         counted(foreign, "workspace that is", "workspaces that are") +
                         " not the company's";
      if (fresh > 0) {
        text += ", " +
                (fresh == foreign ? std::string{foreign == 1 ? "" : "all of them "}
                                  : std::to_string(fresh) + " of them ") +
                "for the first time in weeks";
      }
      text += own == 0 ? "; the company's own was not seen" : "";
      digest_.tenants.push_back({week.tool.id, std::move(text)});
    }
  }

  // add_outside lists what devices met in the week and the catalogue does not know. Who is new to
  // it is told only as a group: the difference of two weeks must not show one device.
  void add_outside() {
    std::size_t more = 0;
    for (const UnknownDomainRow& row : unknowns_.rows) {
      if (!row.seen || row.devices < min_group_) {
        continue;
      }
      if (digest_.outside.size() >= kMaxOutside) {
        ++more;
        continue;
      }
      std::string text = row.domain + ": " + counted(row.devices, "device", "devices") +
                         ", first seen " + to_string(row.first);
      if (row.devices_new >= min_group_) {
        text += ", " + std::to_string(row.devices_new) + " of them for the first time this week";
      }
      text += ". If it is a tool, \"" + next_step(row.domain) + "\" begins its entry";
      digest_.outside.push_back({row.domain, std::move(text)});
    }
    if (more > 0) {
      digest_.outside.push_back(
          {"more", "And " + counted(more, "more domain", "more domains") +
                       " that fewer devices opened: the page of unknown domains lists them"});
    }
  }

  void add_blind_spots() {
    const Coverage& seen = answer_.coverage;
    const auto line = [&](const char* key, std::string text) {
      digest_.blind_spots.push_back({key, std::move(text)});
    };
    if (seen.readable) {
      line("readable", "We could read the name of " + percent_words(*seen.readable) +
                           " of the connections we saw begin");
    } else {
      line("readable", "No agent has told yet what it could see");
    }
    if (seen.grown.encrypted_dns > 0) {
      line("encrypted-dns", counted(seen.grown.encrypted_dns, "contact", "contacts") +
                                " with encrypted DNS: names looked up there are not seen");
    }
    if (seen.grown.ech_real > 0) {
      line("ech", counted(seen.grown.ech_real, "connection", "connections") +
                      " with the name hidden by ECH");
    }
    if (seen.grown.dropped > 0) {
      line("dropped-packets", counted(seen.grown.dropped, "packet was", "packets were") +
                                  " dropped before an agent could look, of " +
                                  std::to_string(seen.grown.packets + seen.grown.dropped));
    }
    if (seen.agents_silent > 0) {
      line("silent-agents", std::to_string(seen.agents_silent) + " of " +
                                counted(seen.agents_known, "agent was", "agents were") +
                                " silent for three days or more");
    }
    if (seen.agents_blind > 0) {
      line("blind-agents", counted(seen.agents_blind, "agent", "agents") +
                               " could read less than 90 % of the names");
    }
    for (const GapSum& gap : seen.gaps) {
      std::string text =
          "Declared lost (" + gap.reason + "): " + counted(gap.times, "time", "times");
      if (gap.contacts > 0) {
        text += ", " + counted(gap.contacts, "contact", "contacts");
      }
      line("gap", std::move(text));
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

  std::string name_of(const std::string& id) const {
    const auto found = names_.find(id);
    return found == names_.end() ? id : found->second;
  }

  const WeekAnswer& answer_;
  const Reviewed& reviewed_;
  const UnknownsAnswer& unknowns_;
  const Calendar& calendar_;
  std::uint32_t min_group_;
  std::map<std::string, const StandingRecord*> standings_;
  std::map<std::string, std::string> names_;
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
