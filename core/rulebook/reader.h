// Reader: helpers that read YAML values into the model and report what does not fit.

#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/rulebook/rulebook.h"
#include "core/rulebook/yaml_tree.h"

namespace gnomon {

// kMaxFindings bounds a report: nobody reads more, and a hostile file must not fill the memory.
constexpr std::size_t kMaxFindings = 2000;

// Reader reads one file. It borrows the list of findings.
class Reader {
 public:
  Reader(std::string file, std::vector<Finding>& findings)
      : file_(std::move(file)), findings_(findings) {}

  const std::string& file() const { return file_; }
  void error(int line, std::string code, std::string text) {
    report(Severity::error, line, std::move(code), std::move(text));
  }
  void warn(int line, std::string code, std::string text) {
    report(Severity::warning, line, std::move(code), std::move(text));
  }

  // keys reports fields that are not in `allowed`, and fields that stand twice. False when `map`
  // is no mapping.
  bool keys(const YamlValue& map, std::string_view what,
            const std::vector<std::string_view>& allowed);

  // text reads a scalar field; empty when absent or of the wrong type (reported).
  std::string text(const YamlValue& map, std::string_view key);
  // need does the same and reports an absent field.
  std::string need(const YamlValue& map, std::string_view key, std::string_view what);
  // list reads a list of scalars with their lines.
  std::vector<std::pair<std::string, int>> list(const YamlValue& map, std::string_view key);
  // items reads a field that must be a list; nullptr when absent or not one (reported).
  const std::vector<YamlValue>* items(const YamlValue& map, std::string_view key);
  // word reads a field that must be one of `words`; gives its place in them.
  std::optional<std::size_t> word(const YamlValue& map, std::string_view key,
                                  const std::vector<std::string_view>& words);
  // place_of finds a word, or reports it with the nearest one.
  std::optional<std::size_t> place_of(std::string_view word, int line, std::string_view key,
                                      const std::vector<std::string_view>& words);

 private:
  void report(Severity severity, int line, std::string code, std::string text);

  std::string file_;
  std::vector<Finding>& findings_;
};

template <std::size_t N>
std::vector<std::string_view> as_list(const std::array<std::string_view, N>& words) {
  return {words.begin(), words.end()};
}

// edit_distance counts changes of one letter and swaps of neighbours; at most `limit` + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

}  // namespace gnomon
