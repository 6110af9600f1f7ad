// Overlay: what a company adds to the catalogue without forking it.
//
// Own tools, corrections of the catalogue's rules (also denials), tenants that are the company's,
// and the list of sanctioned tools. The collector compiles and signs it (core/rulebook/overlay.h);
// its signature does not fit a catalogue, nor a catalogue's an overlay.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/rule_pack.h"
#include "core/result.h"

namespace gnomon {

class CompiledPack;

// OverlayPack is immutable; safe from every thread.
class OverlayPack {
 public:
  // open and from_bytes refuse what RulePack::open refuses, for the same reasons.
  static Result<std::shared_ptr<const OverlayPack>, PackError> open(const std::string& path,
                                                                    const TrustedKeys& trusted,
                                                                    const PackLimits& limits = {});
  static Result<std::shared_ptr<const OverlayPack>, PackError> from_bytes(
      Bytes bytes, const TrustedKeys& trusted, const PackLimits& limits = {});

  std::uint32_t version() const noexcept;
  WallTime expires() const noexcept;
  const TrustedKeys& trusted() const noexcept;

  // own_tools are the ids of the tools that the overlay brings itself; sanctioned, of those it
  // lists as approved. Both borrow from the overlay.
  std::vector<std::string_view> own_tools() const;
  std::vector<std::string_view> sanctioned() const;
  // tenants is how many it names as the company's.
  std::size_t tenants() const;

 private:
  friend std::shared_ptr<const RulePack> with_overlay(
      std::shared_ptr<const RulePack> base, const std::shared_ptr<const OverlayPack>& overlay);

  static Result<std::shared_ptr<const OverlayPack>, PackError> opened(
      Result<std::shared_ptr<const CompiledPack>, PackError> body);

  explicit OverlayPack(std::shared_ptr<const CompiledPack> body) : body_(std::move(body)) {}

  std::shared_ptr<const CompiledPack> body_;  // shared with the packs made by with_overlay
};

// with_overlay lays the company's word over a catalogue. Of two rules that are equally specific the
// overlay's speaks. Where the overlay's is the wider one, it still says whose a tool's host is (or
// that it is nobody's), and the catalogue's narrower rule says what a contact with it means; hosts
// that are no tool's in the catalogue stay what they are there. Reserved labels and the meanings of
// labels are the catalogue's. Tools of the catalogue keep their numbers, the company's own follow;
// rules likewise. Entries about tools or providers that the catalogue does not have are left out:
// catalogues change. `base` must come from RulePack::open or from_bytes. version() and the like are
// those of `base`.
std::shared_ptr<const RulePack> with_overlay(std::shared_ptr<const RulePack> base,
                                             const std::shared_ptr<const OverlayPack>& overlay);

}  // namespace gnomon
