#include "agent/policy_file.h"

#include <utility>

#include "agent/uplink/identity.h"
#include "core/net/policy_signature.h"

namespace gnomon {

Result<Policy, std::string> check_policy(FileSystem& files, const DataFolder& folder,
                                         const std::string& bytes, std::optional<WallTime> now) {
  const auto identity = load_identity(files, folder.identity());
  if (!identity || !*identity) {
    return Failure{std::string{"this agent is not enrolled, so it cannot check a policy"}};
  }
  return open_policy(bytes_of(bytes), (*identity)->root, now);
}

StoredPolicy read_policy(FileSystem& files, const DataFolder& folder) {
  const auto there = files.exists(folder.policy());
  if (!there || !*there) {
    return {};
  }
  const auto bytes = read_whole_file(files, folder.policy(), wire::kMaxPolicyBytes);
  if (!bytes) {
    return {std::nullopt, "the stored policy cannot be read: " + bytes.error().text()};
  }
  auto policy = check_policy(files, folder, *bytes, std::nullopt);
  if (!policy) {
    return {std::nullopt, "the stored policy is not followed: " + policy.error()};
  }
  return {std::move(*policy), {}};
}

}  // namespace gnomon
