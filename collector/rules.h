// The rule pack a collector works with.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/file.h"
#include "core/result.h"

namespace gnomon {

class RulePack;

// OfferedRules is a verified pack and its bytes as they are offered to agents.
struct OfferedRules {
  std::shared_ptr<const RulePack> pack;
  std::uint32_t version = 0;
  std::string bytes;
};

// open_rules opens the named pack and trust file; empty names take those installed with the
// program, and when nothing is installed either there are no rules (nullopt): tools are then called
// by their ids. A pack that is there but cannot be used is an error, one sentence.
Result<std::optional<OfferedRules>, std::string> open_rules(FileSystem& files,
                                                            const std::string& pack,
                                                            const std::string& trust);

}  // namespace gnomon
