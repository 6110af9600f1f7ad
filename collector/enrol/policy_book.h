// PolicyBook: what is asked of the agents, and the record of every change to it.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/storage/meta_store.h"
#include "core/clock.h"
#include "core/io_error.h"
#include "core/result.h"
#include "core/wire/policy.h"

namespace gnomon {

// PolicyChange is one line of the record.
struct PolicyChange {
  std::uint32_t version = 0;
  WallTime when;
  std::string by;      // who says so, as the admin socket saw it
  std::string reason;  // in words, may be empty
  std::string change;  // "collect-users: yes -> no"
};

// PolicyBook keeps the policy in a MetaStore. Each change writes the policy and its line of the
// record in one step; lines are never changed or removed. Versions rise also over a restored
// backup, because they follow the clock: agents take nothing older than what they have.
//
// The store and clock must outlive it. Safe from every thread; blocks on the disk.
class PolicyBook {
 public:
  PolicyBook(MetaStore& store, const Clock& clock) : store_(store), clock_(clock) {}

  // policy yields what is asked now; nullopt while nobody has set anything.
  Result<std::optional<Policy>, IoError> policy() const;

  // set changes the named keys: collect-users, collect-programs, collect-evidence, report-unknowns
  // (yes, no, default), window-minutes, spool-days (a number, or default). All or none. The failure
  // is one sentence.
  Result<Policy, std::string> set(const std::vector<std::pair<std::string, std::string>>& changes,
                                  const std::string& by, const std::string& reason);

  // history yields the record, oldest first.
  Result<std::vector<PolicyChange>, IoError> history() const;

  // on_set is called, on the setting thread, with each new policy. Set it before other threads
  // start.
  void on_set(std::function<void(const Policy&)> listener) { on_set_ = std::move(listener); }

 private:
  MetaStore& store_;
  const Clock& clock_;
  std::function<void(const Policy&)> on_set_;
};

// policy_lines gives every key of a policy with its value in words: "yes", "15", "default".
std::vector<std::pair<std::string, std::string>> policy_lines(const Policy& policy);

}  // namespace gnomon
