// Pushes: rule packs, overlays and policies that the collector sends, from their bytes to their
// use.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/agent_rules.h"
#include "agent/ceiling.h"
#include "agent/config.h"
#include "agent/data_folder.h"
#include "agent/in_force.h"
#include "agent/push_trial.h"
#include "core/catalog/rule_pack.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace gnomon {

// settle_trials counts a start of the agent and puts back what kept it from living (push_trial.h).
// Call it with the data folder locked, before anything in it is read.
void settle_trials(FileSystem& files, const DataFolder& folder);

// Pushes holds the rules and what is in force, and replaces them by what is verified and passes
// its self-test. The uplink calls verify(), puts the bytes in their place, then calls apply(); when
// that fails it puts the old bytes back. I/O thread only; all given must outlive it.
class Pushes {
 public:
  // kProvenAfter is how long the agent must run with something new before the old is forgotten.
  static constexpr std::chrono::minutes kProvenAfter{10};

  Pushes(FileSystem& files, const Clock& clock, const Config& config, AgentRules rules);

  const AgentRules& rules() const { return rules_; }
  const InForce& in_force() const { return in_force_; }

  // The listeners get each new pack (catalogue and overlay), and each change of what is in force.
  // Without one for packs neither is taken.
  void on_pack(std::function<void(std::shared_ptr<const RulePack>)> take) {
    take_pack_ = std::move(take);
  }
  void on_in_force(std::function<void(const InForce&)> take) { take_in_force_ = std::move(take); }

  // verify yields why the bytes may not come into use; a success sets the present file aside.
  Result<Ok, std::string> verify(wire::PushKind kind, const std::string& bytes);
  Result<Ok, std::string> apply(wire::PushKind kind, const std::string& path);

  // tick ends trials that lasted: call it now and then. ended_well takes this start back: the agent
  // was asked to end, and does.
  void tick();
  void ended_well();

  // notes says, for health, what the collector sent and this agent does not use.
  std::vector<std::string> notes() const;

 private:
  Result<Ok, std::string> verify_rules(wire::PushKind kind, const std::string& bytes);
  Result<Ok, std::string> verify_policy(const std::string& bytes);
  Result<Ok, std::string> apply_rules(wire::PushKind kind, const std::string& path);
  Result<Ok, std::string> apply_policy();
  PushTrial& trial_of(wire::PushKind kind);

  FileSystem& files_;
  const Clock& clock_;
  const Config& config_;
  DataFolder folder_;
  Ceiling ceiling_;
  PushTrial pack_trial_;
  PushTrial overlay_trial_;
  PushTrial policy_trial_;
  MonotonicTime since_;  // the start, or the newest push
  AgentRules rules_;
  InForce in_force_;
  std::string policy_trouble_;
  std::function<void(std::shared_ptr<const RulePack>)> take_pack_;
  std::function<void(const InForce&)> take_in_force_;
};

}  // namespace gnomon
