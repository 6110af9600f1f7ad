// Review: what people decided about tools, and the record of it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/rollup/calendar.h"
#include "collector/storage/audit_trail.h"
#include "collector/storage/meta_store.h"
#include "core/clock.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// Standing is what was decided about a tool. "New" and "unsanctioned" are different things.
enum class Standing : std::uint8_t {
  fresh,  // "new": nobody has looked at it yet
  in_review,
  trial,
  sanctioned,
  tolerated,
  unsanctioned,
  retiring,
  retired,
};

std::string_view to_string(Standing standing);
std::optional<Standing> parse_standing(std::string_view word);

// StandingChange is one decision. A "no" (unsanctioned, retiring, retired) needs a reason, and an
// approved alternative or a day on which it is looked at again; a trial needs its end.
struct StandingChange {
  std::string tool;
  Standing standing = Standing::in_review;
  std::string by;           // who says so: a role or an account, never a person seen in traffic
  std::string reason;       // for the people who use the tool
  std::string alternative;  // tool id or words
  std::optional<Day> review_on;  // or the end of a trial
};

// StandingRecord is one line of the audit record, and the latest is what holds.
struct StandingRecord {
  std::uint64_t number = 0;  // of the record, from 1
  WallTime when;
  Standing before = Standing::fresh;
  StandingChange change;
};

enum class ReviewFault : std::uint8_t {
  needs_reason,
  needs_way_out,  // an alternative or a review day
  needs_end,
  no_way_back,  // nothing was decided yet
  over_limit,
  disk,
};

// ReviewError says which, with one sentence for a person.
struct ReviewError {
  ReviewFault fault = ReviewFault::disk;
  std::string text;
};

// kMaxReviewText bounds each text of a change.
constexpr std::size_t kMaxReviewText = 2000;

// Review keeps standings in a MetaStore. Every change writes the standing and its audit record in
// one step; records are never changed and never removed. The store and clock must outlive it. Safe
// from every thread; blocks on the disk.
class Review {
 public:
  Review(MetaStore& store, const Clock& clock)
      : store_(store), clock_(clock), trail_(store, "review") {}

  // decide checks and saves a change; yields its record.
  Result<StandingRecord, ReviewError> decide(const StandingChange& change);

  // go_back restores the standing before the latest decision, as a decision of its own.
  Result<StandingRecord, ReviewError> go_back(const std::string& tool, const std::string& by,
                                              const std::string& reason);

  // standing yields the latest record of a tool; nullopt while it is new.
  Result<std::optional<StandingRecord>, IoError> standing(std::string_view tool) const;

  // standings yields the latest record of every tool that has one, by tool.
  Result<std::vector<StandingRecord>, IoError> standings() const;

  // record yields the audit record in its order: of one tool, or of all when `tool` is empty.
  Result<std::vector<StandingRecord>, IoError> record(std::string_view tool = {}) const;

 private:
  Result<StandingRecord, ReviewError> save(StandingRecord record);

  MetaStore& store_;
  const Clock& clock_;
  AuditTrail trail_;
};

}  // namespace gnomon
