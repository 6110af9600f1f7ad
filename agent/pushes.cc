#include "agent/pushes.h"

#include <utility>

#include "agent/memory_trim.h"
#include "agent/policy_file.h"
#include "agent/self_test.h"
#include "core/log.h"

namespace gnomon {
namespace {

void settle(FileSystem& files, const std::string& path, const char* kind) {
  PushTrial trial{files, path};
  const auto given_up = trial.started();
  if (!given_up) {
    log::warn("push.trial_not_counted", {{"kind", kind}, {"why", given_up.error().text()}});
  } else if (given_up->has_value()) {
    log::error("push.rolled_back", {{"kind", kind},
                                    {"version", **given_up},
                                    {"why", "the agent ended again and again with it"}});
  }
}

Failure<std::string> given_up(std::uint32_t version) {
  return Failure{"version " + std::to_string(version) +
                 " was tried, and the agent ended again and again with it"};
}

}  // namespace

void settle_trials(FileSystem& files, const DataFolder& folder) {
  settle(files, folder.pack(), "rule-pack");
  settle(files, folder.overlay(), "overlay");
  settle(files, folder.policy(), "policy");
}

Pushes::Pushes(FileSystem& files, const Clock& clock, const Config& config, AgentRules rules)
    : files_(files),
      clock_(clock),
      config_(config),
      folder_(config.data),
      ceiling_(config),
      pack_trial_(files, folder_.pack()),
      overlay_trial_(files, folder_.overlay()),
      policy_trial_(files, folder_.policy()),
      since_(clock.monotonic()),
      rules_(std::move(rules)) {
  const StoredPolicy stored = read_policy(files_, folder_);
  policy_trouble_ = stored.trouble;
  if (!policy_trouble_.empty()) {
    log::warn("policy.not_followed", {{"why", policy_trouble_}});
  }
  in_force_ = ceiling_.under(stored.policy ? &*stored.policy : nullptr);
}

Result<Ok, std::string> Pushes::verify(wire::PushKind kind, const std::string& bytes) {
  switch (kind) {
    case wire::PushKind::rule_pack:
    case wire::PushKind::overlay:
      return verify_rules(kind, bytes);
    case wire::PushKind::policy:
      return verify_policy(bytes);
    case wire::PushKind::unspecified:
      break;
  }
  return Failure{std::string{"this agent does not take it"}};
}

Result<Ok, std::string> Pushes::verify_rules(wire::PushKind kind, const std::string& bytes) {
  if (!take_pack_) {
    return Failure{std::string{"this agent does not take it"}};
  }
  const auto next = rules_.check(kind, bytes_of(std::string_view{bytes}), clock_.wall());
  if (!next) {
    return Failure{next.error()};
  }
  const bool overlay = kind == wire::PushKind::overlay;
  const std::uint32_t version = overlay ? next->overlay_version() : next->version();
  PushTrial& trial = trial_of(kind);
  if (version == trial.refused()) {
    return given_up(version);
  }
  if (std::string failed =
          overlay ? self_test_overlaid(next->pack()) : self_test(next->catalogue());
      !failed.empty()) {
    return Failure{std::move(failed)};
  }
  if (const auto begun = trial.begin(version); !begun) {
    return Failure{"the present one cannot be set aside: " + begun.error().text()};
  }
  return Ok{};
}

Result<Ok, std::string> Pushes::verify_policy(const std::string& bytes) {
  const auto policy = check_policy(files_, folder_, bytes, clock_.wall());
  if (!policy) {
    return Failure{policy.error()};
  }
  if (policy->version <= in_force_.policy_version) {
    return Failure{std::string{"it is not newer than the one in force"}};
  }
  if (policy->version == policy_trial_.refused()) {
    return given_up(policy->version);
  }
  if (const auto begun = policy_trial_.begin(policy->version); !begun) {
    return Failure{"the present one cannot be set aside: " + begun.error().text()};
  }
  return Ok{};
}

Result<Ok, std::string> Pushes::apply(wire::PushKind kind, const std::string& path) {
  auto applied = kind == wire::PushKind::policy ? apply_policy() : apply_rules(kind, path);
  if (!applied) {
    trial_of(kind).proven();  // the old file goes back to its place, and that one is proven
  } else {
    since_ = clock_.monotonic();
  }
  return applied;
}

Result<Ok, std::string> Pushes::apply_rules(wire::PushKind kind, const std::string& path) {
  if (auto taken = rules_.take(kind, path); !taken) {
    return taken;
  }
  log::info("rules.replaced",
            {{"catalogue", rules_.version()}, {"overlay", rules_.overlay_version()}});
  take_pack_(rules_.pack());
  trim_memory();
  return Ok{};
}

PushTrial& Pushes::trial_of(wire::PushKind kind) {
  return kind == wire::PushKind::policy    ? policy_trial_
         : kind == wire::PushKind::overlay ? overlay_trial_
                                           : pack_trial_;
}

Result<Ok, std::string> Pushes::apply_policy() {
  // Read back from where the next start will read it.
  const StoredPolicy stored = read_policy(files_, folder_);
  if (!stored.policy) {
    return Failure{stored.trouble.empty() ? std::string{"it is not where it was put"}
                                          : stored.trouble};
  }
  const InForce next = ceiling_.under(&*stored.policy);
  if (std::string failed = exceeds(next, config_); !failed.empty()) {
    return Failure{"self-test failed: " + failed};
  }
  log::info("policy.replaced", {{"from", in_force_.policy_version}, {"to", next.policy_version}});
  in_force_ = next;
  policy_trouble_.clear();
  if (take_in_force_) {
    take_in_force_(in_force_);
  }
  return Ok{};
}

void Pushes::tick() {
  if (clock_.monotonic() - since_ < kProvenAfter) {
    return;
  }
  for (PushTrial* trial : {&pack_trial_, &overlay_trial_, &policy_trial_}) {
    if (trial->on_trial()) {
      trial->proven();
      log::info("push.proven");
    }
  }
  since_ = clock_.monotonic();
}

void Pushes::ended_well() {
  pack_trial_.ended_well();
  overlay_trial_.ended_well();
  policy_trial_.ended_well();
}

std::vector<std::string> Pushes::notes() const {
  std::vector<std::string> notes;
  if (!policy_trouble_.empty()) {
    notes.push_back(policy_trouble_);
  }
  if (const std::uint32_t version = pack_trial_.refused(); version > rules_.version()) {
    notes.push_back("rule pack " + std::to_string(version) + " was rolled back");
  }
  if (const std::uint32_t version = overlay_trial_.refused(); version > rules_.overlay_version()) {
    notes.push_back("overlay " + std::to_string(version) + " was rolled back");
  }
  if (const std::uint32_t version = policy_trial_.refused(); version > in_force_.policy_version) {
    notes.push_back("policy " + std::to_string(version) + " was rolled back");
  }
  return notes;
}

}  // namespace gnomon
