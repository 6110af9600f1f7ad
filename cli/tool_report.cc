#include "cli/tool_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "cli/text.h"

#include <nlohmann/json.hpp>

namespace gnomon::cli {
namespace {

using Json = nlohmann::ordered_json;

// The order in which stages are told: what people do with a tool first.
int weight_of(Stage stage) {
  constexpr std::array kOrder{Stage::none,       Stage::embedded, Stage::mentioned,
                              Stage::dormant,    Stage::visited,  Stage::guest,
                              Stage::integrated, Stage::active,   Stage::signup_likely};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), stage) - kOrder.begin());
}

std::string iso_time(WallTime when) {
  std::string text;
  append_time(when, text);
  return text;
}

// "2026-11-22 04:51:50", for people.
std::string short_time(WallTime when) {
  const std::string whole = iso_time(when);
  return whole.substr(0, 10) + " " + whole.substr(11, 8);
}

std::map<std::string, std::uint32_t> roles_of(const Judgement& judgement) {
  std::map<std::string, std::uint32_t> roles;
  for (std::size_t i = 0; i < judgement.by_role.size(); ++i) {
    if (judgement.by_role.at(i) > 0) {
      roles[std::string{to_string(static_cast<Role>(i))}] = judgement.by_role.at(i);
    }
  }
  return roles;
}

std::string roles_text(const Judgement& judgement, std::string_view between) {
  std::string text;
  for (const auto& [role, count] : roles_of(judgement)) {
    text += (text.empty() ? "" : std::string{between}) + role + ":" + std::to_string(count);
  }
  return text;
}

std::string joined(const std::vector<std::string>& items, std::string_view between) {
  std::string text;
  for (const std::string& item : items) {
    text += (text.empty() ? "" : std::string{between}) + item;
  }
  return text;
}

double confidence_of(const ToolFinding& finding) {
  return static_cast<double>(finding.judgement.verdict.confidence) / 1000.0;
}

void append_json_rows(const std::vector<ToolFinding>& findings, std::string& out) {
  for (const ToolFinding& finding : findings) {
    const Judgement& judgement = finding.judgement;
    Json roles = Json::object();
    for (const auto& [role, count] : roles_of(judgement)) {
      roles[role] = count;
    }
    Json evidence = Json::array();
    for (const Evidence& line : judgement.evidence) {
      evidence.push_back({{"t", iso_time(line.when)},
                          {"what", line.what},
                          {"host", line.host},
                          {"role", std::string{to_string(line.role)}}});
    }
    const Json row{{"tool", judgement.tool},
                   {"name", finding.name},
                   {"category", finding.category},
                   {"stage", std::string{to_string(judgement.verdict.stage)}},
                   {"confidence", confidence_of(finding)},
                   {"roles", std::move(roles)},
                   {"tenants", judgement.tenants},
                   {"first", iso_time(judgement.first)},
                   {"last", iso_time(judgement.last)},
                   {"evidence", std::move(evidence)}};
    out += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
}

void append_csv_rows(const std::vector<ToolFinding>& findings, std::string& out) {
  out += "tool,name,category,stage,confidence,roles,tenants,first,last,evidence\r\n";
  for (const ToolFinding& finding : findings) {
    const Judgement& judgement = finding.judgement;
    std::string evidence;
    for (const Evidence& line : judgement.evidence) {
      evidence += (evidence.empty() ? "" : "; ") + iso_time(line.when) + " " + line.what +
                  (line.host.empty() ? "" : " (" + line.host + ")");
    }
    std::array<char, 16> confidence{};
    static_cast<void>(
        std::snprintf(confidence.data(), confidence.size(), "%.3f", confidence_of(finding)));
    const std::array cells{judgement.tool,
                           finding.name,
                           finding.category,
                           std::string{to_string(judgement.verdict.stage)},
                           std::string{confidence.data()},
                           roles_text(judgement, " "),
                           joined(judgement.tenants, " "),
                           iso_time(judgement.first),
                           iso_time(judgement.last),
                           evidence};
    for (std::size_t i = 0; i < cells.size(); ++i) {
      out += i == 0 ? "" : ",";
      append_csv(cells.at(i), out);
    }
    out += "\r\n";
  }
}

// Text padded to `width` columns; names with letters beyond ASCII count by characters.
std::string padded(const std::string& text, std::size_t width) {
  const auto columns = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
  }));
  return columns < width ? text + std::string(width - columns, ' ') : text;
}

// append_meanings says in words what the stages above mean, each once: a stage is an inference.
void append_meanings(const std::vector<ToolFinding>& findings, std::string& out) {
  struct Meaning {
    Stage stage;
    const char* words;
  };
  constexpr std::array<Meaning, 7> kMeanings{
      {{Stage::signup_likely,
        "probably a new account; signing in on a new computer looks much the same"},
       {Stage::active, "worked in it on two days of a week"},
       {Stage::integrated, "a program called it, not a browser"},
       {Stage::guest, "used what somebody else shared"},
       {Stage::visited, "its pages were opened; whether with an account is not known"},
       {Stage::dormant, "was used, and has been quiet for a month"},
       {Stage::mentioned, "its name was looked up, nothing more"}}};
  std::string text;
  for (const Meaning& meaning : kMeanings) {
    const bool said =
        std::any_of(findings.begin(), findings.end(), [&](const ToolFinding& finding) {
          return finding.judgement.verdict.stage == meaning.stage;
        });
    if (said) {
      text +=
          "  " + padded(std::string{to_string(meaning.stage)}, 13) + "  " + meaning.words + "\n";
    }
  }
  if (!text.empty()) {
    out += "\nWhat was inferred (docs/accuracy.md says how often it is right)\n" + text;
  }
}

void append_table(const std::vector<ToolFinding>& findings, std::string& out) {
  std::vector<std::string> embedded;
  std::size_t name_width = 4;
  std::size_t category_width = 8;
  for (const ToolFinding& finding : findings) {
    if (finding.judgement.verdict.stage != Stage::embedded) {
      name_width = std::max(name_width, finding.name.size());
      category_width = std::max(category_width, finding.category.size());
    } else {
      embedded.push_back(finding.name);
    }
  }
  if (embedded.size() < findings.size()) {
    out += padded("TOOL", name_width) + "  " + padded("CATEGORY", category_width) +
           "  STAGE          SURE  CONTACTS\n";
  }
  for (const ToolFinding& finding : findings) {
    const Judgement& judgement = finding.judgement;
    if (judgement.verdict.stage == Stage::embedded) {
      continue;
    }
    const std::string sure = std::to_string((judgement.verdict.confidence + 5) / 10) + " %";
    out += padded(finding.name, name_width) + "  " + padded(finding.category, category_width) +
           "  " + padded(std::string{to_string(judgement.verdict.stage)}, 13) + "  " +
           std::string(sure.size() < 5 ? 5 - sure.size() : 0, ' ') + sure + "  " +
           roles_text(judgement, " ");
    if (!judgement.tenants.empty()) {
      out += "  tenants: " + joined(judgement.tenants, ", ");
    }
    out += '\n';
    for (const Evidence& line : judgement.evidence) {
      out += "    " + short_time(line.when) + "  " + line.what;
      if (!line.host.empty()) {
        out += "  [" + line.host + "]";
      }
      out += '\n';
    }
  }
  append_meanings(findings, out);
  if (findings.empty()) {
    out += "No tool of the catalogue was seen.\n";
  }
  if (!embedded.empty()) {
    out += (embedded.size() < findings.size() ? "\n" : "") +
           std::string{"Seen only on other people's pages, which is no use ("} +
           std::to_string(embedded.size()) + "): " + joined(embedded, ", ") + "\n";
  }
}

}  // namespace

std::vector<ToolFinding> find_tools(const RulePack& pack, std::vector<Judgement> judgements) {
  std::vector<ToolFinding> findings;
  for (Judgement& judgement : judgements) {
    if (judgement.verdict.stage == Stage::none) {
      continue;
    }
    ToolFinding finding;
    if (const auto index = pack.find_tool(judgement.tool)) {
      const ToolView tool = pack.tool(*index);
      finding.name = tool.name;
      finding.category = tool.category;
    }
    if (finding.name.empty()) {
      finding.name = judgement.tool;
    }
    finding.judgement = std::move(judgement);
    findings.push_back(std::move(finding));
  }
  std::sort(findings.begin(), findings.end(), [](const ToolFinding& a, const ToolFinding& b) {
    const Verdict& left = a.judgement.verdict;
    const Verdict& right = b.judgement.verdict;
    const auto key = [](const Verdict& verdict) {
      return std::pair{-weight_of(verdict.stage), -static_cast<int>(verdict.confidence)};
    };
    return std::pair{key(left), a.judgement.tool} < std::pair{key(right), b.judgement.tool};
  });
  return findings;
}

void append_tools(const std::vector<ToolFinding>& findings, Format format, std::string& out) {
  switch (format) {
    case Format::table:
      append_table(findings, out);
      return;
    case Format::json:
      append_json_rows(findings, out);
      return;
    case Format::csv:
      append_csv_rows(findings, out);
      return;
  }
}

}  // namespace gnomon::cli
