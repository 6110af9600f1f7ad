#include "collector/digest/lines.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/counted.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxOutside = 10;  // domains outside the catalogue: a digest is short

std::string percent_words(double share) {
  // Never "100 %" when something was missed.
  const auto whole = static_cast<int>(std::floor(share * 100));
  return std::to_string(share < 1 ? std::min(whole, 99) : 100) + " %";
}

// first_answers finds when each tool was decided about for the first time.
std::map<std::string, WallTime> first_answers(const std::vector<StandingRecord>& record) {
  std::map<std::string, WallTime> first;
  for (const StandingRecord& entry : record) {
    if (entry.change.standing != Standing::fresh && entry.change.standing != Standing::in_review) {
      first.emplace(entry.change.tool, entry.when);
    }
  }
  return first;
}

// tenant_text is the line about one tool of whose parts so many are the company's own, others', and
// others' and new.
std::string tenant_text(const std::string& tool, std::uint64_t own, std::uint64_t foreign,
                        std::uint64_t fresh) {
  std::string text = tool + ": " + counted(foreign, "workspace that is", "workspaces that are") +
                     " not the company's";
  if (fresh > 0) {
    text += ", " +
            (fresh == foreign ? std::string{foreign == 1 ? "" : "all of them "}
                              : std::to_string(fresh) + " of them ") +
            "for the first time in weeks";
  }
  text += own == 0 ? "; the company's own was not seen" : "";
  return text;
}

}  // namespace

std::string name_of(const ToolNames& names, const std::string& id) {
  const auto found = names.find(id);
  return found == names.end() ? id : found->second;
}

std::uint32_t worked_in(const ToolWeek& week) {
  return week.in_stage(Stage::signup_likely) + week.in_stage(Stage::active) +
         week.in_stage(Stage::integrated);
}

std::vector<DigestLine> overlap_lines(const std::vector<ToolWeek>& tools) {
  std::map<std::string, std::vector<std::string>> by_job;
  for (const ToolWeek& week : tools) {
    if (worked_in(week) > 0) {
      for (const std::string& job : week.tool.jobs) {
        by_job[job].push_back(week.tool.name);
      }
    }
  }
  std::vector<DigestLine> lines;
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
    lines.push_back({job, std::move(text)});
  }
  return lines;
}

std::vector<DigestLine> tenant_lines(const std::vector<ToolWeek>& tools, std::uint32_t min_group) {
  std::vector<DigestLine> lines;
  for (const ToolWeek& week : tools) {
    std::uint64_t own = 0;
    std::uint64_t foreign = 0;
    std::uint64_t fresh = 0;
    for (const TenantSeen& tenant : week.tenants) {
      own += tenant.whose == TenantSeen::Whose::own ? 1 : 0;
      foreign += tenant.whose == TenantSeen::Whose::foreign ? 1 : 0;
      fresh += tenant.whose == TenantSeen::Whose::foreign && tenant.is_new ? 1 : 0;
    }
    if (foreign > 0 && week.devices >= min_group) {
      lines.push_back({week.tool.id, tenant_text(week.tool.name, own, foreign, fresh)});
    }
  }
  return lines;
}

std::vector<DigestLine> decided_lines(const std::vector<StandingRecord>& record, Week week,
                                      const Calendar& calendar, const ToolNames& names) {
  std::vector<DigestLine> lines;
  for (const StandingRecord& entry : record) {
    if (week_of(calendar.day_of(entry.when)) != week) {
      continue;
    }
    const StandingChange& change = entry.change;
    std::string text = name_of(names, change.tool) + ": now " +
                       std::string{to_string(change.standing)} + ", was " +
                       std::string{to_string(entry.before)};
    if (!change.reason.empty()) {
      text += ". " + change.reason;
    }
    if (!change.alternative.empty()) {
      text += ". Instead: " + name_of(names, change.alternative);
    }
    if (change.review_on) {
      text +=
          std::string{change.standing == Standing::trial ? ". Until " : ". Looked at again on "} +
          to_string(*change.review_on);
    }
    lines.push_back({change.tool, std::move(text)});
  }
  return lines;
}

std::vector<DigestLine> answer_lines(const WeekAnswer& answer,
                                     const std::vector<StandingRecord>& record,
                                     const Calendar& calendar) {
  const auto answered = first_answers(record);
  const WallTime end = std::min(answer.asked, calendar.begin_of(first_day(next(answer.week))));
  std::vector<int> days;
  int waiting = 0;
  int oldest = 0;
  for (const ToolWeek& week : answer.tools) {
    if (!week.first_used || worked_in(week) == 0) {
      continue;
    }
    const Day since = calendar.day_of(*week.first_used);
    const auto found = answered.find(week.tool.id);
    if (found != answered.end() && found->second <= end) {
      if (week_of(calendar.day_of(found->second)) == answer.week) {
        days.push_back(std::max(0, calendar.day_of(found->second).number - since.number));
      }
    } else if (!week.tool.sanctioned) {
      ++waiting;
      oldest = std::max(oldest, calendar.day_of(end).number - since.number);
    }
  }
  std::vector<DigestLine> lines;
  if (!days.empty()) {
    std::sort(days.begin(), days.end());
    lines.push_back(
        {"answered",
         "We answered for " + counted(days.size(), "tool", "tools") + ", half of them within " +
             counted(static_cast<std::uint64_t>(days[days.size() / 2]), "day", "days")});
  }
  if (waiting > 0) {
    lines.push_back(
        {"waiting", counted(static_cast<std::uint64_t>(waiting), "tool that people work in waits",
                            "tools that people work in wait") +
                        " for our answer, the longest for " +
                        counted(static_cast<std::uint64_t>(oldest), "day", "days")});
  }
  return lines;
}

std::vector<DigestLine> outside_lines(const UnknownsAnswer& unknowns, std::uint32_t min_group) {
  std::vector<DigestLine> lines;
  std::size_t more = 0;
  for (const UnknownDomainRow& row : unknowns.rows) {
    if (!row.seen || row.devices < min_group) {
      continue;
    }
    if (lines.size() >= kMaxOutside) {
      ++more;
      continue;
    }
    std::string text = row.domain + ": " + counted(row.devices, "device", "devices") +
                       ", first seen " + to_string(row.first);
    if (row.devices_new >= min_group) {
      text += ", " + std::to_string(row.devices_new) + " of them for the first time this week";
    }
    text += ". If it is a tool, \"" + next_step(row.domain) + "\" begins its entry";
    lines.push_back({row.domain, std::move(text)});
  }
  if (more > 0) {
    lines.push_back({"more", "And " + counted(more, "more domain", "more domains") +
                                 " that fewer devices opened: the page of unknown domains lists "
                                 "them"});
  }
  return lines;
}

std::vector<DigestLine> blind_spot_lines(const Coverage& seen) {
  std::vector<DigestLine> lines;
  const auto line = [&](const char* key, std::string text) {
    lines.push_back({key, std::move(text)});
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
    line("blind-agents",
         counted(seen.agents_blind, "agent", "agents") + " could read less than 90 % of the names");
  }
  for (const GapSum& gap : seen.gaps) {
    std::string text = "Declared lost (" + gap.reason + "): " + counted(gap.times, "time", "times");
    if (gap.contacts > 0) {
      text += ", " + counted(gap.contacts, "contact", "contacts");
    }
    line("gap", std::move(text));
  }
  return lines;
}

}  // namespace gnomon
