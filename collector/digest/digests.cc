#include "collector/digest/digests.h"

#include <chrono>
#include <utility>

namespace gnomon {
namespace {

constexpr std::string_view kPrefix = "digest/";
constexpr std::chrono::hours kIssueAfter{24};

}  // namespace

Result<Digest, IoError> Digests::of(Week week, bool freeze) const {
  const std::string key = std::string{kPrefix} + to_string(week);
  const auto held = store_.get(key);
  if (!held) {
    return Failure{held.error()};
  }
  if (held->has_value()) {
    if (auto digest = parse_digest_json(**held)) {
      return std::move(*digest);
    }
  }
  auto made = make(week);
  if (!made) {
    return made;
  }
  const WallTime end = query_.facts().calendar.begin_of(first_day(next(week)));
  // A week nobody has reported for is not issued: it may still come.
  if (freeze && !held->has_value() && !made->fresh.empty() && clock_.wall() >= end + kIssueAfter) {
    const auto stored = store_.compare_and_apply(key, std::nullopt, {{key, digest_json(*made)}});
    if (!stored) {
      return Failure{stored.error()};
    }
    if (!*stored) {
      return of(week, false);  // somebody else was first: theirs is the one that is read
    }
  }
  return made;
}

Result<std::vector<Week>, IoError> Digests::issued() const {
  std::vector<Week> weeks;
  const auto read = store_.scan(kPrefix, [&](std::string_view key, std::string_view) {
    if (const auto week = parse_week(key.substr(kPrefix.size()))) {
      weeks.push_back(*week);
    }
    return true;
  });
  if (!read) {
    return Failure{read.error()};
  }
  return weeks;
}

Result<Digest, IoError> Digests::make(Week week) const {
  auto answer = query_.week(week);
  if (!answer) {
    return Failure{answer.error()};
  }
  Reviewed reviewed;
  auto standings = review_.standings();
  auto record = review_.record();
  if (!standings || !record) {
    return Failure{standings ? record.error() : standings.error()};
  }
  reviewed.standings = std::move(*standings);
  reviewed.record = std::move(*record);
  for (const StandingRecord& entry : reviewed.record) {
    for (const std::string& id : {entry.change.tool, entry.change.alternative}) {
      reviewed.names[id] = query_.name_of(id).name;
    }
  }
  UnknownsAnswer unknowns;
  if (unknowns_ != nullptr) {
    auto read = unknowns_->week(week);
    if (!read) {
      return Failure{read.error()};
    }
    unknowns = std::move(*read);
  }
  return make_digest(*answer, reviewed, query_.facts().calendar, policy_, unknowns);
}

}  // namespace gnomon
