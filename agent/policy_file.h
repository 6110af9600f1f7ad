// PolicyFile: the policy that the collector sent last, as it lies in the data folder.

#pragma once

#include <optional>
#include <string>

#include "agent/data_folder.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"
#include "core/wire/policy.h"

namespace gnomon {

// check_policy opens the bytes of a signed policy against this agent's own root. With `now` the
// signer's certificate must be in date. The failure is one sentence.
Result<Policy, std::string> check_policy(FileSystem& files, const DataFolder& folder,
                                         const std::string& bytes, std::optional<WallTime> now);

// StoredPolicy is what lies in the folder. Neither of the two: nothing does.
struct StoredPolicy {
  std::optional<Policy> policy;
  std::string trouble;  // why what lies there is not followed, one sentence
};

// read_policy reads it. A policy of another collector, from before this agent was enrolled anew,
// is not followed.
StoredPolicy read_policy(FileSystem& files, const DataFolder& folder);

}  // namespace gnomon
