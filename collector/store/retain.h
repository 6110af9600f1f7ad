// Retention: what is older than a horizon leaves the store.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "collector/store/database.h"
#include "collector/store/store.h"

namespace gnomon::store {

// stored_horizon is the first day that is kept; nullopt when nothing ever left.
Result<std::optional<Day>, IoError> stored_horizon(const Database& database);

// RetainStep is one bite of the work, small enough to lie between two commits.
struct RetainStep {
  std::uint64_t batches = 0;  // removed
  std::string next;           // key to go on from; empty when all agents were seen
};

// retire_batches removes batches that can only speak of days before `horizon`, agent by agent from
// `from` on. What they say of an agent and of the life of tools on it is carried over into one
// record in their place, so that rebuilt totals still know when a tool was first seen. Cursors
// stay: whatever an agent sends again is still a repeat. Nobody else may write meanwhile.
Result<RetainStep, IoError> retire_batches(const StoreOptions& options, const Database& database,
                                           Day horizon, const std::string& from);

// retire_totals removes the totals of days, health and gaps before `horizon`, and the tokens of
// unknown domains of every epoch that ended before it; notes the horizon, and yields how many
// totals of days, health and gaps there were.
Result<std::uint64_t, IoError> retire_totals(const Database& database, Day horizon);

// newest_receipt is the day in which the last batch of any agent came; nullopt when none did.
Result<std::optional<Day>, IoError> newest_receipt(const StoreOptions& options,
                                                   const Database& database);

}  // namespace gnomon::store
