// Policy: what a collector asks of its agents, as a plain struct and as bytes.
//
// The meaning, unit and range of every field stands in proto/gnomon/v1/policy.proto; a decoded
// policy has been held to those ranges.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/byte_reader.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/wire/wire_error.h"

namespace gnomon {

// Policy asks; what comes into force is decided by the agent's ceiling. An absent field asks for
// nothing.
struct Policy {
  std::uint32_t version = 0;
  WallTime created{};
  std::optional<bool> collect_users;
  std::optional<bool> collect_programs;
  std::optional<bool> collect_evidence;
  std::optional<bool> report_unknowns;
  std::uint32_t window_minutes = 0;  // 0: not asked
  std::uint32_t spool_days = 0;      // 0: not asked

  bool operator==(const Policy&) const = default;
};

constexpr std::uint32_t kMaxWindowMinutes = 24 * 60;
constexpr std::uint32_t kMaxSpoolDays = 366;

}  // namespace gnomon

namespace gnomon::wire {

// kMaxPolicyBytes bounds a policy with its signature and chain.
constexpr std::size_t kMaxPolicyBytes = std::size_t{64} << 10;

// SignedPolicy is a policy as it travels, its signature not checked yet.
struct SignedPolicy {
  std::string policy;
  std::string signature;
  std::vector<std::string> chain;
};

std::string encode(const Policy& policy);
Result<Policy, WireError> decode_policy(Bytes bytes);

std::string encode(const SignedPolicy& policy);
Result<SignedPolicy, WireError> decode_signed_policy(Bytes bytes);

}  // namespace gnomon::wire
