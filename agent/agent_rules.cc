#include "agent/agent_rules.h"

#include <utility>

#include "agent/agent_error.h"
#include "agent/data_folder.h"
#include "agent/uplink/identity.h"
#include "core/catalog/default_pack.h"
#include "core/catalog/trust.h"
#include "core/file.h"
#include "core/log.h"

namespace gnomon {
namespace {

std::shared_ptr<const RulePack> open_catalogue(const Config& config) {
  auto pack = load_pack(PackPlace{config.rules, config.trust});
  if (!pack) {
    throw AgentError{pack.error().text};
  }
  if (!config.rules.empty()) {
    return std::move(*pack);
  }
  // What the collector sent was verified when it came; it counts while it is the newer one.
  PosixFileSystem files;
  const std::string pushed = DataFolder{config.data}.pack();
  const auto there = files.exists(pushed);
  if (there && *there) {
    auto newer = RulePack::open(pushed, (*pack)->trusted(), PackLimits{(*pack)->version(), {}});
    if (newer) {
      return std::move(*newer);
    }
    log::warn("rules.not_used", {{"why", newer.error().text}});
  }
  return std::move(*pack);
}

}  // namespace

AgentRules::AgentRules(std::shared_ptr<const RulePack> catalogue, std::string overlay_trust)
    : overlay_trust_path_(std::move(overlay_trust)), catalogue_(std::move(catalogue)) {
  lay();
}

AgentRules AgentRules::open(const Config& config) {
  const DataFolder folder{config.data};
  AgentRules rules{open_catalogue(config), overlay_trust_path(folder.identity())};
  PosixFileSystem files;
  const auto there = files.exists(folder.overlay());
  if (there && *there) {
    if (const auto taken = rules.take(wire::PushKind::overlay, folder.overlay()); !taken) {
      log::warn("overlay.not_used", {{"why", taken.error()}});
    }
  }
  return rules;
}

void AgentRules::lay() {
  pack_ = overlay_ ? with_overlay(catalogue_, overlay_) : catalogue_;
}

Result<TrustedKeys, std::string> AgentRules::overlay_trust() const {
  if (overlay_) {
    return overlay_->trusted();  // with the new keys that it brought, if it did
  }
  auto trusted = read_trust(overlay_trust_path_);
  if (!trusted) {
    return Failure{
        std::string{"this agent does not know its collector's overlay key: enrol it again"}};
  }
  return std::move(*trusted);
}

Result<std::shared_ptr<const OverlayPack>, std::string> AgentRules::fit(
    Result<std::shared_ptr<const OverlayPack>, PackError> opened) const {
  if (!opened) {
    return Failure{opened.error().text};
  }
  if ((*opened)->own_tools().size() > kMaxOwnTools) {
    return Failure{"the overlay names more than " + std::to_string(kMaxOwnTools) +
                   " tools of its own, more than this agent takes"};
  }
  return std::move(*opened);
}

Result<AgentRules, std::string> AgentRules::check(wire::PushKind kind, Bytes bytes,
                                                  WallTime now) const {
  AgentRules next = *this;
  if (kind == wire::PushKind::rule_pack) {
    auto opened = RulePack::from_bytes(bytes, catalogue_->trusted(), PackLimits{version(), now});
    if (!opened) {
      return Failure{opened.error().text};
    }
    next.catalogue_ = std::move(*opened);
  } else {
    const auto trusted = overlay_trust();
    if (!trusted) {
      return Failure{trusted.error()};
    }
    auto overlay =
        fit(OverlayPack::from_bytes(bytes, *trusted, PackLimits{overlay_version(), now}));
    if (!overlay) {
      return Failure{overlay.error()};
    }
    next.overlay_ = std::move(*overlay);
  }
  next.lay();
  return next;
}

Result<Ok, std::string> AgentRules::take(wire::PushKind kind, const std::string& path) {
  if (kind == wire::PushKind::rule_pack) {
    auto opened = RulePack::open(path, catalogue_->trusted(), PackLimits{version(), {}});
    if (!opened) {
      return Failure{opened.error().text};
    }
    catalogue_ = std::move(*opened);
    lay();
    return Ok{};
  }
  const auto trusted = overlay_trust();
  if (!trusted) {
    return Failure{trusted.error()};
  }
  auto overlay = fit(OverlayPack::open(path, *trusted, PackLimits{overlay_version(), {}}));
  if (!overlay) {
    return Failure{overlay.error()};
  }
  overlay_ = std::move(*overlay);
  lay();
  keep_trust(*trusted);
  return Ok{};
}

void AgentRules::keep_trust(const TrustedKeys& before) const {
  const TrustedKeys& now = overlay_->trusted();
  if (now.root_version <= before.root_version) {
    return;
  }
  // Should the overlay's file be lost, the old keys must not count again.
  if (const auto kept = write_trust(overlay_trust_path_, now); !kept) {
    log::warn("overlay.trust_not_kept", {{"why", kept.error().text}});
  } else {
    log::info("overlay.keys_followed", {{"root_version", now.root_version}});
  }
}

}  // namespace gnomon
