// Query: questions to the totals.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "collector/query/answer.h"
#include "collector/storage/snapshot.h"
#include "core/clock.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

class RulePack;

// kSilentAfter: a workstation is off over a weekend, and somebody should look after three days.
constexpr std::chrono::hours kSilentAfter{72};

// Query reads one snapshot for each answer, so that an answer agrees with itself. Tools are named
// from the rule pack, which may be absent, and may be replaced at any time: answers that are being
// made finish with the old one. Source and clock must outlive it. Safe from every thread; blocks on
// the disk.
class Query {
 public:
  Query(const SnapshotSource& source, std::shared_ptr<const RulePack> pack, const Clock& clock)
      : source_(source), pack_(std::move(pack)), clock_(clock) {}

  void set_pack(std::shared_ptr<const RulePack> pack);

  Result<WeekAnswer, IoError> week(Week week) const;

  // tool is week() for one tool; nullopt when no device ever met it.
  Result<std::optional<ToolWeek>, IoError> tool(std::string_view id, Week week) const;

  Result<AgentsAnswer, IoError> agents() const;

  ToolName name_of(std::string_view id) const;

  Day today() const;
  // current_week is the one we live in, last_week the last complete one.
  Week current_week() const;
  Week last_week() const { return previous(current_week()); }
  // newest_week is the latest that any contact belongs to, for pages that should show something;
  // the current one when there is none.
  Result<Week, IoError> newest_week() const;
  StoreFacts facts() const;

 private:
  // tell_owners says of each tenant whether it is the company's own.
  void tell_owners(ToolWeek& week) const;

  const SnapshotSource& source_;
  std::shared_ptr<const RulePack> pack_;  // swapped as a whole, with the free functions
  const Clock& clock_;
};

// readable_share estimates which part of the connections showed a name: hellos that were whole and
// not hidden by ECH, less what the kernel dropped. nullopt when nothing was seen at all.
std::optional<double> readable_share(const Health& counts);

}  // namespace gnomon
