#include "core/rulebook/reader.h"

#include <algorithm>

namespace gnomon {

void Reader::report(Severity severity, int line, std::string code, std::string text) {
  if (findings_.size() < kMaxFindings) {
    findings_.push_back({severity, file_, line, std::move(code), std::move(text)});
  }
}

bool Reader::keys(const YamlValue& map, std::string_view what,
                  const std::vector<std::string_view>& allowed) {
  if (map.kind != YamlKind::map) {
    error(map.line, "wrong-type", std::string{what} + " must be a mapping (key: value)");
    return false;
  }
  std::vector<std::string_view> seen;
  for (const auto& [key, value] : map.fields) {
    if (std::find(allowed.begin(), allowed.end(), key.text) == allowed.end()) {
      std::string text = "unknown key '" + key.text + "' in " + std::string{what};
      if (const auto near = did_you_mean(key.text, allowed)) {
        text += "; did you mean '" + std::string{*near} + "'?";
      }
      error(key.line, "unknown-key", std::move(text));
    } else if (std::find(seen.begin(), seen.end(), key.text) != seen.end()) {
      error(key.line, "twice", "key '" + key.text + "' stands twice in " + std::string{what});
    }
    seen.push_back(key.text);
  }
  return true;
}

std::string Reader::text(const YamlValue& map, std::string_view key) {
  const YamlValue* value = map.find(key);
  if (value == nullptr || value->kind == YamlKind::null) {
    return {};
  }
  if (value->kind != YamlKind::scalar) {
    error(value->line, "wrong-type", "'" + std::string{key} + "' must be a single value");
    return {};
  }
  if (value->text.size() > 1000) {
    error(value->line, "too-long", "'" + std::string{key} + "' is over 1000 characters");
    return {};
  }
  return value->text;
}

std::string Reader::need(const YamlValue& map, std::string_view key, std::string_view what) {
  std::string value = text(map, key);
  if (value.empty() && (map.find(key) == nullptr || map.find(key)->kind <= YamlKind::scalar)) {
    error(map.line, "missing", std::string{what} + " has no '" + std::string{key} + "'; add it");
  }
  return value;
}

const std::vector<YamlValue>* Reader::items(const YamlValue& map, std::string_view key) {
  const YamlValue* value = map.find(key);
  if (value == nullptr || value->kind == YamlKind::null) {
    return nullptr;
  }
  if (value->kind != YamlKind::list) {
    error(value->line, "wrong-type", "'" + std::string{key} + "' must be a list");
    return nullptr;
  }
  return &value->items;
}

std::vector<std::pair<std::string, int>> Reader::list(const YamlValue& map, std::string_view key) {
  std::vector<std::pair<std::string, int>> result;
  const auto* values = items(map, key);
  if (values == nullptr) {
    return result;
  }
  for (const YamlValue& value : *values) {
    if (value.kind != YamlKind::scalar) {
      error(value.line, "wrong-type", "'" + std::string{key} + "' must be a list of single values");
      continue;
    }
    result.emplace_back(value.text, value.line);
  }
  return result;
}

std::optional<std::size_t> Reader::word(const YamlValue& map, std::string_view key,
                                        const std::vector<std::string_view>& words) {
  const YamlValue* value = map.find(key);
  const std::string read = text(map, key);
  return value == nullptr || read.empty() ? std::nullopt : place_of(read, value->line, key, words);
}

std::optional<std::size_t> Reader::place_of(std::string_view word, int line, std::string_view key,
                                            const std::vector<std::string_view>& words) {
  const auto at = std::find(words.begin(), words.end(), word);
  if (at != words.end()) {
    return static_cast<std::size_t>(at - words.begin());
  }
  std::string message = "'" + std::string{word.substr(0, 80)} + "' is no " + std::string{key};
  if (const auto near = did_you_mean(word, words)) {
    message += "; did you mean '" + std::string{*near} + "'?";
  } else if (words.size() <= 20) {
    message += "; use one of:";
    for (const std::string_view each : words) {
      message += each.empty() ? "" : " " + std::string{each};
    }
  } else {
    message += "; see the list in rules/";
  }
  error(line, "unknown-word", std::move(message));
  return std::nullopt;
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap > limit || a.size() > 64 || b.size() > 64) {
    return limit + 1;
  }
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

std::optional<std::string_view> did_you_mean(std::string_view word,
                                             const std::vector<std::string_view>& words) {
  const std::size_t limit = word.size() < 5 ? 1 : 2;
  std::optional<std::string_view> best;
  std::size_t best_distance = limit + 1;
  for (const std::string_view each : words) {
    if (each.empty()) {
      continue;
    }
    const std::size_t distance = edit_distance(word, each, limit);
    if (distance < best_distance) {
      best = each;
      best_distance = distance;
    }
  }
  return best;
}

std::string Finding::to_line() const {
  return file + ":" + std::to_string(line) +
         (severity == Severity::error ? ": error: " : ": warning: ") + text + " [" + code + "]";
}

std::size_t LoadedRules::errors() const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [](const Finding& finding) { return finding.severity == Severity::error; }));
}

}  // namespace gnomon
