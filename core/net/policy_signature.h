// The signature of a policy: made by the collector's authority, checked by the agent.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/byte_reader.h"
#include "core/clock.h"
#include "core/net/certificate.h"
#include "core/net/issue.h"
#include "core/result.h"
#include "core/wire/policy.h"

namespace gnomon {

// sign_policy gives the bytes of a signed policy. `signer` has a certificate of kind
// policy_signer; `issuers` lead from it towards the root.
std::string sign_policy(const Policy& policy, const Issuer& signer,
                        const std::vector<Certificate>& issuers);

// open_policy reads and checks what sign_policy made: the signer's certificate leads to `root`, is
// meant for this and, with `now`, in date. The failure is one sentence.
Result<Policy, std::string> open_policy(Bytes bytes, const Certificate& root,
                                        std::optional<WallTime> now);

}  // namespace gnomon
