// YamlValue: a YAML document as a plain tree with line numbers. The only door to yaml-cpp.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace gnomon {

enum class YamlKind : std::uint8_t { null, scalar, list, map };

// YamlValue is one node. What copies and ends it is defined elsewhere: clang 14 would want it here,
// where a pair of an unfinished type cannot be made yet.
struct YamlValue {
  YamlValue();
  YamlValue(const YamlValue&);
  YamlValue(YamlValue&&) noexcept;
  YamlValue& operator=(const YamlValue&);
  YamlValue& operator=(YamlValue&&) noexcept;
  ~YamlValue();

  YamlKind kind = YamlKind::null;
  std::string text;  // of a scalar
  int line = 0;      // from 1
  std::vector<YamlValue> items;
  std::vector<std::pair<YamlValue, YamlValue>> fields;  // in order; keys may repeat

  // find yields the value of the first field with that key, or nullptr.
  const YamlValue* find(std::string_view key) const;
};

// YamlError is one sentence and its line.
struct YamlError {
  int line = 0;
  std::string text;
};

// Limits of one file: ten times the largest of the catalogue.
constexpr std::size_t kMaxYamlBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxYamlDepth = 24;
constexpr std::size_t kMaxYamlValues = 200'000;

// parse_yaml reads one document. Anchors and aliases are refused: with them a short file can
// stand for an endless one, and rules are easier to read without.
Result<YamlValue, YamlError> parse_yaml(const std::string& text);

}  // namespace gnomon
