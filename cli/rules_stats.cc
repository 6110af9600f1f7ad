// gnomon rules stats and diff.

#include <array>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "cli/commands.h"
#include "cli/rules_ask.h"
#include "cli/rules_common.h"
#include "core/rulebook/compile.h"

namespace gnomon::cli {
namespace {

constexpr const char* kUsualFolder = "rules";

struct Counts {
  std::size_t tools = 0;
  std::size_t families = 0;
  std::size_t hosts = 0;
  std::map<std::string, std::size_t> roles;
  std::map<std::string, std::size_t> confidences;
  std::map<std::string, std::array<std::size_t, 4>> roles_by_confidence;  // by RuleConfidence
  std::map<std::string, std::size_t> meanings;
  std::set<std::string> categories;
  std::set<std::string> jobs;
  std::size_t all_categories = 0;
  std::size_t all_jobs = 0;
  std::vector<std::string> bare_categories;  // no tool is in them
  std::vector<std::string> bare_jobs;        // no tool does them
  std::map<std::string, std::size_t> depth;
  std::size_t sequences = 0;
};

// depth_of says how well a tool is described, by the roles it has.
std::string depth_of(const std::set<Role>& roles, std::size_t hosts) {
  const bool product = roles.contains(Role::app) || roles.contains(Role::client);
  if (product && roles.size() >= 4 && hosts >= 6) {
    return "full";
  }
  if (product && roles.size() >= 2) {
    return "app and more";
  }
  return product ? "app only" : "no app host";
}

void count_rule(const HostMatch& said, Counts& counts, std::map<ToolIndex, std::set<Role>>& roles,
                std::map<ToolIndex, std::size_t>& hosts) {
  ++counts.hosts;
  ++counts.meanings[std::string{to_string(said.meaning)}];
  if (said.meaning != Meaning::tool && said.meaning != Meaning::family) {
    return;
  }
  ++counts.roles[std::string{to_string(said.role)}];
  ++counts.confidences[std::string{to_string(said.confidence)}];
  ++counts.roles_by_confidence[std::string{to_string(said.role)}].at(
      static_cast<std::size_t>(said.confidence));
  roles[said.tool].insert(said.role);
  for (unsigned role = 1; role <= static_cast<unsigned>(Role::idp); ++role) {
    if (said.shares(static_cast<Role>(role))) {
      roles[said.tool].insert(static_cast<Role>(role));
    }
  }
  ++hosts[said.tool];
}

Counts count(const RulePack& pack) {
  Counts counts;
  std::map<ToolIndex, std::set<Role>> roles;
  std::map<ToolIndex, std::size_t> hosts;
  for (std::uint32_t rule = 0; rule < pack.rule_count(); ++rule) {
    count_rule(pack.rule_says(rule), counts, roles, hosts);
  }
  for (ToolIndex i = 0; i < pack.tool_count(); ++i) {
    const ToolView tool = pack.tool(i);
    if (tool.is_family) {
      ++counts.families;
      continue;
    }
    ++counts.tools;
    counts.categories.emplace(tool.category);
    counts.categories.insert(tool.also.begin(), tool.also.end());
    counts.jobs.insert(tool.jobs.begin(), tool.jobs.end());
    ++counts.depth[depth_of(roles[i], hosts[i])];
  }
  counts.sequences = pack.sequences().size();
  for (const CategoryView& category : pack.categories()) {
    ++counts.all_categories;
    if (!counts.categories.contains(std::string{category.id})) {
      counts.bare_categories.emplace_back(category.id);
    }
  }
  for (const JobView& job : pack.jobs()) {
    ++counts.all_jobs;
    if (!counts.jobs.contains(std::string{job.id})) {
      counts.bare_jobs.emplace_back(job.id);
    }
  }
  return counts;
}

void print_map(const char* title, const std::map<std::string, std::size_t>& map) {
  std::cout << title << "\n";
  for (const auto& [name, number] : map) {
    std::cout << "  " << std::left << std::setw(18) << name << std::right << std::setw(7) << number
              << "\n";
  }
}

// print_table prints hosts by role (lines) and confidence (columns).
void print_table(const Counts& counts) {
  std::cout << "hosts of tools by role and confidence\n"
            << "                       high medium    low    all\n";
  const auto line = [](const std::string& name, const std::array<std::size_t, 4>& by) {
    std::cout << "  " << std::left << std::setw(18) << name << std::right;
    for (const std::size_t confidence : {3U, 2U, 1U}) {
      std::cout << std::setw(7) << by.at(confidence);
    }
    std::cout << std::setw(7) << by[1] + by[2] + by[3] << "\n";
  };
  std::array<std::size_t, 4> sum{};
  for (const auto& [role, by] : counts.roles_by_confidence) {
    line(role, by);
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum.at(i) += by.at(i);
    }
  }
  line("all", sum);
}

// print_bare says what no tool covers; nothing when all is covered.
void print_bare(const char* title, const std::vector<std::string>& words) {
  if (words.empty()) {
    return;
  }
  std::cout << title;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::cout << (i == 0 ? " " : ", ") << words[i];
  }
  std::cout << "\n";
}

void print_json(const std::map<std::string, std::size_t>& map) {
  std::cout << "{";
  bool first = true;
  for (const auto& [name, number] : map) {
    std::cout << (first ? "" : ",") << json_quote(name) << ":" << number;
    first = false;
  }
  std::cout << "}";
}

void print_counts_json(const Counts& counts, const std::string& findings) {
  std::cout << "{\"tools\":" << counts.tools << ",\"families\":" << counts.families
            << ",\"rules\":" << counts.hosts << ",\"roles\":";
  print_json(counts.roles);
  std::cout << ",\"confidence\":";
  print_json(counts.confidences);
  std::cout << ",\"meanings\":";
  print_json(counts.meanings);
  std::cout << ",\"depth\":";
  print_json(counts.depth);
  std::cout << ",\"categories\":" << counts.categories.size()
            << ",\"categories_known\":" << counts.all_categories
            << ",\"jobs\":" << counts.jobs.size() << ",\"jobs_known\":" << counts.all_jobs
            << ",\"sequences\":" << counts.sequences << findings << "}\n";
}

void print_counts(const Counts& counts, const std::string& findings) {
  std::cout << counts.tools << " tools, " << counts.families << " families, " << counts.hosts
            << " rules, " << counts.sequences << " sequences; " << counts.categories.size()
            << " of " << counts.all_categories << " categories, " << counts.jobs.size() << " of "
            << counts.all_jobs << " jobs" << findings << "\n";
  print_table(counts);
  print_map("rules by meaning", counts.meanings);
  print_map("tools by depth", counts.depth);
  print_bare("categories without a tool:", counts.bare_categories);
  print_bare("jobs without a tool:", counts.bare_jobs);
}

// RuleFacts is what a diff compares of a rule.
struct RuleFacts {
  std::string tool;
  std::string rest;
  bool operator==(const RuleFacts&) const = default;
};

// told is what a diff compares of a tool.
std::string told(const ToolView& tool) {
  std::string text = std::string{tool.name} + ", " + std::string{tool.category};
  for (const std::string_view job : tool.jobs) {
    text += " " + std::string{job};
  }
  return tool.status == "active" ? text : text + ", " + std::string{tool.status};
}

}  // namespace

int count_rules(const StatsOptions& options) {
  // Without a word of what to count: the rules one is working on, else what is installed.
  const bool here = options.folder.empty() && options.place.pack.empty() &&
                    std::filesystem::is_directory(kUsualFolder);
  const std::string folder = here ? kUsualFolder : options.folder;
  std::shared_ptr<const RulePack> pack;
  std::string findings;
  if (folder.empty()) {
    const auto opened = load_pack(options.place);
    if (!opened) {
      return complain(opened.error().text);
    }
    pack = *opened;
  } else {
    const LoadedRules loaded = load_rules(folder, load_options(""));
    if (loaded.book.content.rules.empty()) {
      return complain("there are no rules in " + folder +
                      "; name the rules folder: gnomon rules stats FOLDER");
    }
    pack = preview(loaded.book);
    findings = options.json ? ",\"errors\":" + std::to_string(loaded.errors()) +
                                  ",\"warnings\":" + std::to_string(loaded.warnings())
                            : "; " + std::to_string(loaded.errors()) + " errors, " +
                                  std::to_string(loaded.warnings()) + " warnings";
  }
  const Counts counts = count(*pack);
  options.json ? print_counts_json(counts, findings) : print_counts(counts, findings);
  return kDone;
}

int diff_packs(const DiffOptions& options) {
  const auto before = load_pack({options.before, options.trust});
  const auto after = load_pack({options.after, options.trust});
  if (!before || !after) {
    return complain(before ? after.error().text : before.error().text);
  }
  std::size_t changes = 0;
  const auto tools = [&](const RulePack& in, const RulePack& other, char sign) {
    for (ToolIndex i = 0; i < in.tool_count(); ++i) {
      const ToolView tool = in.tool(i);
      if (!other.find_tool(tool.id)) {
        std::cout << sign << " tool " << tool.id << " (" << tool.name << ")\n";
        ++changes;
      }
    }
  };
  tools(**before, **after, '-');
  tools(**after, **before, '+');
  for (ToolIndex i = 0; i < (*before)->tool_count(); ++i) {
    const std::string was = told((**before).tool(i));
    const auto now = (*after)->find_tool((**before).tool(i).id);
    if (now && told((**after).tool(*now)) != was) {
      std::cout << "~ tool " << (**before).tool(i).id << "  " << was << " -> "
                << told((**after).tool(*now)) << "\n";
      ++changes;
    }
  }
  const auto answers = [](const RulePack& pack) {
    std::map<std::string, RuleFacts> facts;
    for (std::uint32_t rule = 0; rule < pack.rule_count(); ++rule) {
      std::string pattern{pack.rule_text(rule)};
      const HostMatch match = pack.rule_says(rule);
      const bool tool = match.meaning == Meaning::tool || match.meaning == Meaning::family;
      RuleFacts fact;
      fact.tool = tool ? pack.tool(match.tool).id : to_string(match.meaning);
      fact.rest = std::string{to_string(match.role)} + " " +
                  std::string{to_string(match.audience)} + " " +
                  std::string{to_string(match.confidence)};
      facts.emplace(std::move(pattern), std::move(fact));
    }
    return facts;
  };
  const auto old_facts = answers(**before);
  const auto new_facts = answers(**after);
  for (const auto& [pattern, fact] : old_facts) {
    const auto at = new_facts.find(pattern);
    if (at == new_facts.end()) {
      std::cout << "- " << pattern << "  " << fact.tool << " " << fact.rest << "\n";
      ++changes;
    } else if (!(at->second == fact)) {
      std::cout << "~ " << pattern << "  " << fact.tool << " " << fact.rest << " -> "
                << at->second.tool << " " << at->second.rest << "\n";
      ++changes;
    }
  }
  for (const auto& [pattern, fact] : new_facts) {
    if (!old_facts.contains(pattern)) {
      std::cout << "+ " << pattern << "  " << fact.tool << " " << fact.rest << "\n";
      ++changes;
    }
  }
  std::cout << changes << " changes from version " << (*before)->version() << " to "
            << (*after)->version() << "\n";
  return kDone;
}

}  // namespace gnomon::cli
