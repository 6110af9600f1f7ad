// AgentRules: the catalogue that an agent works with, and the company's overlay over it.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/config.h"
#include "core/byte_reader.h"
#include "core/catalog/overlay.h"
#include "core/catalog/rule_pack.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace gnomon {

// kMaxOwnTools bounds what an overlay may name beside the catalogue. A company's own tools are a
// short list kept by hand; a long one would be a way to watch what is no tool at all, and what may
// leave this machine is not the collector's to widen.
constexpr std::size_t kMaxOwnTools = 1000;

// AgentRules is a value: copies share the packs. The catalogue is held to the trust file of the
// machine, the overlay to the key that the collector named when this agent enrolled, or to one that
// follows from it by records that the keys before have signed; neither signature fits the other.
// Everything else about replacing them is here too, so that a pack or overlay that is refused
// leaves the ones in use as they were.
class AgentRules {
 public:
  // open opens the pack that the configuration names, the newest the collector sent, or the
  // installed one; and over it the overlay that the collector sent. An overlay that cannot be used
  // is left out, and said in the log. Throws AgentError when there is no catalogue.
  static AgentRules open(const Config& config);

  // pack is both, the overlay laid over the catalogue.
  const std::shared_ptr<const RulePack>& pack() const { return pack_; }
  // catalogue is the one alone, as its signers made it.
  const std::shared_ptr<const RulePack>& catalogue() const { return catalogue_; }
  std::uint32_t version() const { return catalogue_->version(); }
  std::uint32_t overlay_version() const { return overlay_ ? overlay_->version() : 0; }
  std::size_t own_tools() const { return overlay_ ? overlay_->own_tools().size() : 0; }

  // check says whether a pushed rule pack or overlay may replace the one in use: never an older
  // one, never an expired one. Yields the rules as they would be with it; the reason otherwise, one
  // sentence.
  Result<AgentRules, std::string> check(wire::PushKind kind, Bytes bytes, WallTime now) const;

  // take takes a checked one into use, from the place where it was stored.
  Result<Ok, std::string> take(wire::PushKind kind, const std::string& path);

 private:
  AgentRules(std::shared_ptr<const RulePack> catalogue, std::string overlay_trust);
  void lay();
  Result<std::shared_ptr<const OverlayPack>, std::string> fit(
      Result<std::shared_ptr<const OverlayPack>, PackError> opened) const;
  Result<TrustedKeys, std::string> overlay_trust() const;
  // keep_trust stores the keys that the overlay in use brought, when they are newer than `before`.
  void keep_trust(const TrustedKeys& before) const;

  std::string overlay_trust_path_;
  // Shared: packs always are.
  std::shared_ptr<const RulePack> catalogue_;
  std::shared_ptr<const OverlayPack> overlay_;  // null: none
  std::shared_ptr<const RulePack> pack_;
};

}  // namespace gnomon
