// Rulebook: the catalogue as people write it, read and checked. FORMAT of the files:
// rules/README.md.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalog/pack_body.h"
#include "core/catalog/rule_pack.h"

namespace gnomon {

enum class Severity : std::uint8_t { warning, error };

// Finding is one thing that is wrong or doubtful in the rules, and what to do about it.
struct Finding {
  Severity severity = Severity::error;
  std::string file;  // relative to the rules folder
  int line = 0;
  std::string code;  // "unknown-key"; stable, for tests and for filtering
  std::string text;  // one or two sentences

  // to_line gives "tools/trello.yaml:12: error: ... [unknown-key]".
  std::string to_line() const;
};

// Place is where something stands in the rules.
struct Place {
  std::string file;
  int line = 0;
};

// Rulebook holds the content of a pack with the place and note of each tool and rule.
struct Rulebook {
  PackContent content;
  std::vector<Place> tool_places;    // as content.tools
  std::vector<Place> rule_places;    // as content.rules
  std::vector<std::string> notes;    // as content.rules
  std::vector<std::string> checked;  // as content.tools: "2026-11-22", may be empty
};

struct LoadedRules {
  Rulebook book;
  std::vector<Finding> findings;  // by file and line

  std::size_t errors() const;
  std::size_t warnings() const { return findings.size() - errors(); }
};

struct LoadOptions {
  std::chrono::sys_days today;  // for stale `checked` dates
  // Public suffix list in the format of publicsuffix.org.
  std::string suffix_file = "/usr/share/publicsuffix/public_suffix_list.dat";
};

// load_rules reads and checks a rules folder. It reports all that it finds, and never stops at the
// first; a rule with an error is left out of the book. The result does not depend on the order in
// which the system lists files.
LoadedRules load_rules(const std::string& folder, const LoadOptions& options);

// RuleFile is one file of the rules in memory: path within the folder, and text.
struct RuleFile {
  std::string path;
  std::string text;
};

// load_rule_files does the same with files in memory (sorted by path).
LoadedRules load_rule_files(const std::vector<RuleFile>& files, const LoadOptions& options);

// did_you_mean gives the closest of `words` to a misspelt one, or nothing when none is close.
std::optional<std::string_view> did_you_mean(std::string_view word,
                                             const std::vector<std::string_view>& words);

}  // namespace gnomon
