#include "collector/enrol/policy_book.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "collector/enrol/record_text.h"
#include "core/log.h"

namespace gnomon {
namespace {

constexpr std::string_view kCurrent = "policy/current";
constexpr std::string_view kRecords = "policy/record/";
constexpr const char* kDefault = "default";
constexpr int kMaxRaces = 16;
constexpr std::size_t kMaxReason = 500;

using Words = std::vector<std::pair<std::string, std::string>>;

std::string record_key(std::uint32_t version) {
  std::array<char, 16> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%08x", version));
  return std::string{kRecords} + text.data();
}

std::string word_of(const std::optional<bool>& flag) {
  return flag ? (*flag ? "yes" : "no") : kDefault;
}

std::string word_of(std::uint32_t number) {
  return number == 0 ? std::string{kDefault} : std::to_string(number);
}

RecordText record_of(const Policy& policy) {
  RecordText record;
  record.set_number("version", policy.version);
  record.set_time("created", policy.created);
  for (const auto& [key, value] : policy_lines(policy)) {
    record.set(key, value);
  }
  return record;
}

std::optional<bool> flag_of(const std::string& word) {
  return word == "yes" ? std::optional{true} : word == "no" ? std::optional{false} : std::nullopt;
}

Policy policy_of(std::string_view text) {
  const RecordText record = RecordText::parse(text);
  Policy policy;
  policy.version = static_cast<std::uint32_t>(record.number("version"));
  policy.created = record.time("created");
  policy.collect_users = flag_of(record.get("collect-users"));
  policy.collect_programs = flag_of(record.get("collect-programs"));
  policy.collect_evidence = flag_of(record.get("collect-evidence"));
  policy.report_unknowns = flag_of(record.get("report-unknowns"));
  policy.window_minutes = static_cast<std::uint32_t>(record.number("window-minutes"));
  policy.spool_days = static_cast<std::uint32_t>(record.number("spool-days"));
  return policy;
}

// Each of the three yields what is wrong with `word`, or nothing.
using Fault = std::optional<std::string>;

Fault set_flag(std::optional<bool>& flag, const std::string& key, const std::string& word) {
  if (word != "yes" && word != "no" && word != kDefault) {
    return key + ": expected yes, no or default, not '" + word + "'";
  }
  flag = flag_of(word);
  return std::nullopt;
}

Fault set_number(std::uint32_t& number, const std::string& key, const std::string& word,
                 std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word == kDefault) {
    number = 0;
  } else if (error != std::errc{} || end != word.data() + word.size() || value < 1 ||
             value > most) {
    return key + ": expected a number from 1 to " + std::to_string(most) + ", or default, not '" +
           word + "'";
  } else {
    number = value;
  }
  return std::nullopt;
}

Fault set_one(Policy& policy, const std::string& key, const std::string& word) {
  if (key == "collect-users") {
    return set_flag(policy.collect_users, key, word);
  }
  if (key == "collect-programs") {
    return set_flag(policy.collect_programs, key, word);
  }
  if (key == "collect-evidence") {
    return set_flag(policy.collect_evidence, key, word);
  }
  if (key == "report-unknowns") {
    return set_flag(policy.report_unknowns, key, word);
  }
  if (key == "window-minutes") {
    return set_number(policy.window_minutes, key, word, kMaxWindowMinutes);
  }
  if (key == "spool-days") {
    return set_number(policy.spool_days, key, word, kMaxSpoolDays);
  }
  return "there is no key '" + key +
         "': collect-users, collect-programs, collect-evidence, report-unknowns, "
         "window-minutes, spool-days";
}

std::string difference(const Policy& before, const Policy& after) {
  std::string text;
  const Words old = policy_lines(before);
  const Words now = policy_lines(after);
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (old[i].second != now[i].second) {
      text +=
          (text.empty() ? "" : ", ") + now[i].first + ": " + old[i].second + " -> " + now[i].second;
    }
  }
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> policy_lines(const Policy& policy) {
  return {{"collect-users", word_of(policy.collect_users)},
          {"collect-programs", word_of(policy.collect_programs)},
          {"collect-evidence", word_of(policy.collect_evidence)},
          {"report-unknowns", word_of(policy.report_unknowns)},
          {"window-minutes", word_of(policy.window_minutes)},
          {"spool-days", word_of(policy.spool_days)}};
}

Result<std::optional<Policy>, IoError> PolicyBook::policy() const {
  const auto stored = store_.get(kCurrent);
  if (!stored) {
    return Failure{stored.error()};
  }
  return stored->has_value() ? std::optional{policy_of(**stored)} : std::optional<Policy>{};
}

Result<Policy, std::string> PolicyBook::set(const Words& changes, const std::string& by,
                                            const std::string& reason) {
  if (reason.size() > kMaxReason) {
    return Failure{std::string{"the reason is longer than 500 bytes"}};
  }
  for (int race = 0; race < kMaxRaces; ++race) {
    const auto stored = store_.get(kCurrent);
    if (!stored) {
      return Failure{stored.error().text()};
    }
    const Policy before = *stored ? policy_of(**stored) : Policy{};
    Policy policy = before;
    for (const auto& [key, word] : changes) {
      if (auto fault = set_one(policy, key, word)) {
        return Failure{std::move(*fault)};
      }
    }
    const std::string change = difference(before, policy);
    if (change.empty()) {
      return Failure{std::string{"nothing would change: the policy says that already"}};
    }
    policy.created = clock_.wall();
    const auto seconds =
        std::chrono::floor<std::chrono::seconds>(policy.created.time_since_epoch()).count();
    policy.version = std::max(before.version + 1, static_cast<std::uint32_t>(seconds));
    RecordText line;
    line.set_time("when", policy.created);
    line.set("by", by);
    line.set("reason", reason);
    line.set("change", change);
    const auto saved = store_.compare_and_apply(kCurrent, *stored,
                                                {{std::string{kCurrent}, record_of(policy).text()},
                                                 {record_key(policy.version), line.text()}});
    if (!saved) {
      return Failure{saved.error().text()};
    }
    if (*saved) {
      log::info("policy.set", {{"version", policy.version}, {"by", by}, {"change", change}});
      if (on_set_) {
        on_set_(policy);
      }
      return policy;
    }
  }
  return Failure{std::string{"too many changes of the policy at once, try again"}};
}

Result<std::vector<PolicyChange>, IoError> PolicyBook::history() const {
  std::vector<PolicyChange> all;
  const auto read = store_.scan(kRecords, [&](std::string_view key, std::string_view value) {
    const RecordText line = RecordText::parse(value);
    PolicyChange change;
    const std::string_view number = key.substr(kRecords.size());
    std::from_chars(number.data(), number.data() + number.size(), change.version, 16);
    change.when = line.time("when");
    change.by = line.get("by");
    change.reason = line.get("reason");
    change.change = line.get("change");
    all.push_back(std::move(change));
    return true;
  });
  if (!read) {
    return Failure{read.error()};
  }
  return all;
}

}  // namespace gnomon
