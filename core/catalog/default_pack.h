// DefaultPack: which rule pack a program uses when nobody names one.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/catalog/rule_pack.h"
#include "core/result.h"

namespace gnomon {

// PackPlace is a pack and the trust file that goes with it.
struct PackPlace {
  std::string pack;
  std::string trust;
};

// find_default_pack looks beside the running program (../share/gnomon/catalogue.pack and
// catalogue.trust, as the build and a package lay them), then in /usr/share/gnomon. nullopt when
// neither has both files.
std::optional<PackPlace> find_default_pack();

// load_pack opens the pack at `place`, or the default one; an empty field of `place` takes the
// default's. The error names the file and what to do. Both programs' --rules and --trust end here.
Result<std::shared_ptr<const RulePack>, PackError> load_pack(const PackPlace& place = {},
                                                             const PackLimits& limits = {});

}  // namespace gnomon
