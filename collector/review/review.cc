#include "collector/review/review.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

namespace gnomon {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kStandingPrefix = "review/standing/";

constexpr std::array<std::pair<Standing, std::string_view>, 8> kWords{
    {{Standing::fresh, "new"},
     {Standing::in_review, "in-review"},
     {Standing::trial, "trial"},
     {Standing::sanctioned, "sanctioned"},
     {Standing::tolerated, "tolerated"},
     {Standing::unsanctioned, "unsanctioned"},
     {Standing::retiring, "retiring"},
     {Standing::retired, "retired"}}};

bool is_no(Standing standing) {
  return standing == Standing::unsanctioned || standing == Standing::retiring ||
         standing == Standing::retired;
}

std::string standing_key(std::string_view tool) {
  return std::string{kStandingPrefix} + std::string{tool};
}

std::string encode(const StandingRecord& record) {
  Json json{{"number", record.number},
            {"when_ns", record.when.time_since_epoch().count()},
            {"tool", record.change.tool},
            {"before", to_string(record.before)},
            {"standing", to_string(record.change.standing)},
            {"by", record.change.by},
            {"reason", record.change.reason},
            {"alternative", record.change.alternative}};
  if (record.change.review_on) {
    json["review_on"] = record.change.review_on->number;
  }
  return json.dump();
}

// decode reads what encode() wrote; nullopt for anything else.
std::optional<StandingRecord> decode(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return std::nullopt;
  }
  const auto before = parse_standing(json.value("before", ""));
  const auto standing = parse_standing(json.value("standing", ""));
  if (!before || !standing) {
    return std::nullopt;
  }
  StandingRecord record;
  record.number = json.value("number", std::uint64_t{0});
  record.when = WallTime{std::chrono::nanoseconds{json.value("when_ns", std::int64_t{0})}};
  record.before = *before;
  record.change.standing = *standing;
  record.change.tool = json.value("tool", "");
  record.change.by = json.value("by", "");
  record.change.reason = json.value("reason", "");
  record.change.alternative = json.value("alternative", "");
  if (json.contains("review_on")) {
    record.change.review_on = Day{json.value("review_on", std::int32_t{0})};
  }
  return record;
}

std::optional<ReviewError> fault_in(const StandingChange& change) {
  if (change.tool.empty() || change.tool.size() > 64 || change.by.size() > kMaxReviewText ||
      change.reason.size() > kMaxReviewText || change.alternative.size() > kMaxReviewText) {
    return ReviewError{ReviewFault::over_limit,
                       "a text is longer than 2000 bytes, or no tool is named"};
  }
  if (is_no(change.standing)) {
    if (change.reason.empty()) {
      return ReviewError{ReviewFault::needs_reason,
                         "a no needs a reason that the people who use the tool can read"};
    }
    if (change.alternative.empty() && !change.review_on) {
      return ReviewError{ReviewFault::needs_way_out,
                         "a no needs an approved alternative, or a day on which to look again"};
    }
  }
  if (change.standing == Standing::trial && !change.review_on) {
    return ReviewError{ReviewFault::needs_end, "a trial needs the day on which it ends"};
  }
  return std::nullopt;
}

ReviewError disk_fault(const IoError& error) {
  return {ReviewFault::disk, error.text()};
}

}  // namespace

std::string_view to_string(Standing standing) {
  return kWords[static_cast<std::size_t>(standing)].second;
}

std::optional<Standing> parse_standing(std::string_view word) {
  const auto found = std::find_if(kWords.begin(), kWords.end(),
                                  [&](const auto& known) { return known.second == word; });
  return found == kWords.end() ? std::nullopt : std::optional{found->first};
}

Result<StandingRecord, ReviewError> Review::decide(const StandingChange& change) {
  if (auto fault = fault_in(change)) {
    return Failure{std::move(*fault)};
  }
  StandingRecord record;
  record.change = change;
  return save(std::move(record));
}

Result<StandingRecord, ReviewError> Review::go_back(const std::string& tool, const std::string& by,
                                                    const std::string& reason) {
  const auto all = this->record(tool);
  if (!all) {
    return Failure{disk_fault(all.error())};
  }
  if (all->empty()) {
    return Failure{
        ReviewError{ReviewFault::no_way_back, "nothing was decided about " + tool + " yet"}};
  }
  const Standing wanted = all->back().before;
  StandingRecord back;
  // The words that belonged to that standing come back with it.
  for (const StandingRecord& earlier : *all) {
    if (earlier.change.standing == wanted && earlier.number != all->back().number) {
      back.change = earlier.change;
    }
  }
  back.change.tool = tool;
  back.change.standing = wanted;
  back.change.by = by;
  if (!reason.empty()) {
    back.change.reason = reason;
  }
  return save(std::move(back));
}

Result<StandingRecord, ReviewError> Review::save(StandingRecord record) {
  record.when = clock_.wall();
  const auto added = trail_.add([&](std::uint64_t number) -> Result<AuditTrail::Entry, IoError> {
    const auto latest = standing(record.change.tool);
    if (!latest) {
      return Failure{latest.error()};
    }
    record.number = number;
    record.before = latest->has_value() ? (*latest)->change.standing : Standing::fresh;
    const std::string text = encode(record);
    return AuditTrail::Entry{text, {{standing_key(record.change.tool), text}}};
  });
  if (added) {
    return record;
  }
  if (added.error().code == std::errc::resource_unavailable_try_again) {
    return Failure{ReviewError{ReviewFault::disk, "too many decisions at once, try again"}};
  }
  return Failure{disk_fault(added.error())};
}

Result<std::optional<StandingRecord>, IoError> Review::standing(std::string_view tool) const {
  const auto value = store_.get(standing_key(tool));
  if (!value) {
    return Failure{value.error()};
  }
  return value->has_value() ? decode(**value) : std::optional<StandingRecord>{};
}

Result<std::vector<StandingRecord>, IoError> Review::standings() const {
  std::vector<StandingRecord> all;
  const auto read = store_.scan(kStandingPrefix, [&](std::string_view, std::string_view value) {
    if (auto record = decode(value)) {
      all.push_back(std::move(*record));
    }
    return true;
  });
  if (!read) {
    return Failure{read.error()};
  }
  return all;
}

Result<std::vector<StandingRecord>, IoError> Review::record(std::string_view tool) const {
  std::vector<StandingRecord> all;
  const auto read = trail_.read([&](std::string_view text) {
    auto record = decode(text);
    if (record && (tool.empty() || record->change.tool == tool)) {
      all.push_back(std::move(*record));
    }
  });
  if (!read) {
    return Failure{read.error()};
  }
  return all;
}

}  // namespace gnomon
