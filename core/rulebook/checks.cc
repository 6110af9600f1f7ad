// Checks across files: what one file alone cannot know.

#include <algorithm>
#include <map>
#include <set>

#include "core/rulebook/loader.h"

namespace gnomon {
namespace {

// kUseRoles are the roles by which somebody can be seen at a tool.
constexpr Role kUseRoles[] = {Role::site, Role::app, Role::signup, Role::login, Role::client};

bool of_tool(Meaning meaning) {
  return meaning == Meaning::tool || meaning == Meaning::family;
}

std::string at(const Place& place) {
  return place.file + ":" + std::to_string(place.line);
}

// skeleton maps a label to a form in which letters that look alike are the same.
std::string skeleton(std::string_view label) {
  std::string result;
  for (std::size_t i = 0; i < label.size(); ++i) {
    const std::string_view two = label.substr(i, 2);
    char c = label[i];
    if (two == "rn") {
      c = 'm';
      ++i;
    } else if (two == "vv") {
      c = 'w';
      ++i;
    } else if (c == '0') {
      c = 'o';
    } else if (c == '1' || c == 'i') {
      c = 'l';
    } else if (c == '5') {
      c = 's';
    }
    if (c != '-' && (result.empty() || result.back() != c)) {
      result.push_back(c);
    }
  }
  return result;
}

}  // namespace

Loader::Loader(LoadOptions options, Rulebook& book, std::vector<Finding>& findings)
    : options_(std::move(options)),
      book_(book),
      findings_(findings),
      suffixes_(PublicSuffixes::open(options_.suffix_file)) {
  if (suffixes_ == nullptr) {
    report({options_.suffix_file, 1}, Severity::error, "no-suffix-list",
           "cannot read the public suffix list; install the package publicsuffix or name the file "
           "with --suffixes");
    return;
  }
  book_.content.suffixes = suffixes_->records();
}

void Loader::report(const Place& place, Severity severity, std::string code, std::string text) {
  if (findings_.size() < kMaxFindings) {
    findings_.push_back({severity, place.file, place.line, std::move(code), std::move(text)});
  }
}

std::string Loader::name_of(std::size_t rule) const {
  const RuleRecord& record = book_.content.rules[rule];
  if (of_tool(record.meaning)) {
    return "'" + book_.content.tools[record.tool].id + "'";
  }
  return std::string{to_string(record.meaning)};
}

void Loader::finish() {
  resolve_families();
  resolve_steps();
  check_same_patterns();
  check_roles();
  if (suffixes_ != nullptr) {
    check_lookalikes();
  }
  auto& reserved = book_.content.reserved;
  std::sort(reserved.begin(), reserved.end());
  reserved.erase(std::unique(reserved.begin(), reserved.end()), reserved.end());
  std::stable_sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.file, a.line) < std::tie(b.file, b.line);
  });
}

void Loader::resolve_families() {
  std::vector<std::string_view> ids;
  std::map<std::string_view, ToolIndex> families;
  for (ToolIndex i = 0; i < book_.content.tools.size(); ++i) {
    const ToolRecord& tool = book_.content.tools[i];
    if ((tool.flags & kToolIsFamily) != 0) {
      ids.push_back(tool.id);
      families.emplace(tool.id, i);
    }
  }
  for (const PendingFamily& pending : families_) {
    const auto found = families.find(pending.family);
    if (found != families.end()) {
      book_.content.tools[pending.tool].family = found->second;
      continue;
    }
    std::string text = "no file defines the family '" + pending.family + "'";
    const auto near = did_you_mean(pending.family, ids);
    text += near ? "; did you mean '" + std::string{*near} + "'?"
                 : "; define it in one file, or leave 'family' out";
    report(pending.place, Severity::error, "unknown-family", std::move(text));
  }
}

void Loader::resolve_steps() {
  if (steps_.empty()) {
    return;
  }
  // Of several rules with one pattern the most specific speaks, so it is the one to follow.
  std::map<std::string_view, std::uint32_t> by_pattern;
  std::vector<std::string_view> patterns;
  const auto& rules = book_.content.rules;
  const auto rank = [&](std::uint32_t rule) {
    return specificity(rules[rule].pattern, rules[rule].meaning);
  };
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    const auto [entry, fresh] = by_pattern.emplace(rules[i].pattern.text, i);
    if (fresh) {
      patterns.push_back(rules[i].pattern.text);
    } else if (rank(i) > rank(entry->second)) {
      entry->second = i;
    }
  }
  for (const PendingStep& pending : steps_) {
    const auto found = by_pattern.find(pending.host);
    if (found != by_pattern.end()) {
      if (pending.sequence < book_.content.sequences.size()) {
        book_.content.sequences[pending.sequence].steps[pending.step].rule = found->second;
      }
      continue;
    }
    std::string text =
        "the step names '" + pending.host.substr(0, 260) + "', which no rule has as its pattern";
    const auto near = did_you_mean(pending.host, patterns);
    text += near ? "; did you mean '" + std::string{*near} + "'?" : "; add the host first";
    report(pending.place, Severity::error, "unknown-step", std::move(text));
  }
}

void Loader::check_same_patterns() {
  std::map<std::string_view, std::vector<std::size_t>> groups;
  std::map<std::string_view, std::size_t> at_node;
  const auto& rules = book_.content.rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    groups[rules[i].pattern.text].push_back(i);
    if (++at_node[rules[i].pattern.fixed] == kMaxEntriesAtNode) {
      report(book_.rule_places[i], Severity::error, "too-many",
             "more than 4000 rules end in '" + rules[i].pattern.fixed + "'; use a wider pattern");
    }
  }
  for (auto& [pattern, group] : groups) {
    std::stable_sort(group.begin(), group.end(), [&](std::size_t a, std::size_t b) {
      return specificity(rules[a].pattern, rules[a].meaning) >
             specificity(rules[b].pattern, rules[b].meaning);
    });
    for (std::size_t i = 0; i < group.size(); ++i) {
      for (std::size_t j = i + 1; j < group.size(); ++j) {
        check_pair(group[i], group[j]);
      }
    }
  }
}

// check_pair looks at two rules of the same pattern; `first` is the one that would speak.
void Loader::check_pair(std::size_t first, std::size_t second) {
  const RuleRecord& a = book_.content.rules[first];
  const RuleRecord& b = book_.content.rules[second];
  const std::string& pattern = a.pattern.text;
  const Place& place = book_.rule_places[second];
  const std::string other = at(book_.rule_places[first]);
  if (of_tool(a.meaning) && of_tool(b.meaning)) {
    if (a.tool == b.tool) {
      report(place, Severity::error, "twice",
             "'" + pattern + "' stands twice in " + name_of(second) + " (also " + other +
                 "); merge the two, with shared_with for the second role");
    } else {
      report(place, Severity::error, "same-pattern",
             "'" + pattern + "' is also a host of " + name_of(first) + " (" + other +
                 "); put it into the family of both, or take it out of one");
    }
  } else if (of_tool(b.meaning) && a.meaning == Meaning::denied) {
    report(
        place, Severity::error, "never-matches",
        "'" + pattern + "' can never match: it is denied at " + other + "; remove one of the two");
  } else if (of_tool(b.meaning) && a.meaning == Meaning::shared) {
    report(place, Severity::error, "never-matches",
           "'" + pattern + "' of " + name_of(second) +
               " can never match: it is shared infrastructure at " + other +
               "; name exact hosts here, or take it out there");
  } else if (a.meaning == b.meaning) {
    report(place, Severity::warning, "twice",
           "'" + pattern + "' stands twice (also " + other + "); remove one");
  }
}

void Loader::check_roles() {
  const auto& content = book_.content;
  std::vector<bool> known(content.tools.size());
  for (const RuleRecord& rule : content.rules) {
    const bool counts = std::any_of(std::begin(kUseRoles), std::end(kUseRoles), [&](Role role) {
      return rule.role == role || (rule.shared_with & (1U << static_cast<unsigned>(role))) != 0;
    });
    if (rule.meaning == Meaning::tool && counts) {
      known[rule.tool] = true;
    }
  }
  for (std::size_t i = 0; i < content.tools.size(); ++i) {
    if (!known[i] && (content.tools[i].flags & (kToolIsFamily | kToolOfBase)) == 0) {
      report(book_.tool_places[i], Severity::warning, "missing-role",
             "tool " + content.tools[i].id +
                 " has no host with role site, app, login, signup or client, so nobody can be seen "
                 "using it; add one");
    }
  }
}

void Loader::check_lookalikes() {
  // skeleton -> label -> the first rule that has it
  std::map<std::string, std::map<std::string, std::size_t>> seen;
  const auto& content = book_.content;
  for (std::size_t i = 0; i < content.rules.size(); ++i) {
    if (!of_tool(content.rules[i].meaning)) {
      continue;
    }
    const std::string domain = suffixes_->registrable(content.rules[i].pattern.fixed);
    const std::string label = domain.substr(0, domain.find('.'));
    if (label.size() >= 6) {
      seen[skeleton(label)].emplace(label, i);
    }
  }
  for (const auto& [form, labels] : seen) {
    const std::size_t first = labels.begin()->second;
    for (const auto& [label, rule] : labels) {
      const std::string& vendor = content.tools[content.rules[rule].tool].vendor;
      const std::string& other = content.tools[content.rules[first].tool].vendor;
      if (rule != first && vendor != other) {
        report(book_.rule_places[rule], Severity::warning, "look-alike",
               "'" + label + "' of " + name_of(rule) + " looks like '" + labels.begin()->first +
                   "' of " + name_of(first) + " (" + at(book_.rule_places[first]) +
                   "); make sure that it is not a misspelling");
      }
    }
  }
}

}  // namespace gnomon
