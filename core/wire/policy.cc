#include "core/wire/policy.h"

#include "core/wire/fields.h"
#include "core/wire/messages.h"
#include "gnomon/v1/policy.pb.h"

namespace gnomon::wire {
namespace {

constexpr std::size_t kMaxBody = std::size_t{16} << 10;
constexpr std::size_t kMaxSignature = 256;  // ECDSA with P-256 in DER is at most 72 bytes

// parse reads `bytes` into a message; false when they are none.
template <typename Message>
bool parse(Bytes bytes, Message& message) {
  return bytes.size() <= kMaxPolicyBytes &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool is_within(const v1::Policy& in) {
  return in.version() > 0 && in.window_minutes() <= kMaxWindowMinutes &&
         in.spool_days() <= kMaxSpoolDays;
}

}  // namespace

std::string encode(const Policy& policy) {
  v1::Policy out;
  out.set_version(policy.version);
  out.set_created_ns(to_ns(policy.created));
  if (policy.collect_users) {
    out.set_collect_users(*policy.collect_users);
  }
  if (policy.collect_programs) {
    out.set_collect_programs(*policy.collect_programs);
  }
  if (policy.collect_evidence) {
    out.set_collect_evidence(*policy.collect_evidence);
  }
  if (policy.report_unknowns) {
    out.set_report_unknowns(*policy.report_unknowns);
  }
  out.set_window_minutes(policy.window_minutes);
  out.set_spool_days(policy.spool_days);
  return out.SerializeAsString();
}

Result<Policy, WireError> decode_policy(Bytes bytes) {
  v1::Policy in;
  if (bytes.size() > kMaxBody) {
    return Failure{WireError::over_limit};
  }
  if (!parse(bytes, in) || !is_within(in)) {
    return Failure{WireError::malformed};
  }
  Policy policy;
  policy.version = in.version();
  policy.created = from_ns(in.created_ns());
  if (in.has_collect_users()) {
    policy.collect_users = in.collect_users();
  }
  if (in.has_collect_programs()) {
    policy.collect_programs = in.collect_programs();
  }
  if (in.has_collect_evidence()) {
    policy.collect_evidence = in.collect_evidence();
  }
  if (in.has_report_unknowns()) {
    policy.report_unknowns = in.report_unknowns();
  }
  policy.window_minutes = in.window_minutes();
  policy.spool_days = in.spool_days();
  return policy;
}

std::string encode(const SignedPolicy& policy) {
  v1::SignedPolicy out;
  out.set_policy(policy.policy);
  out.set_signature(policy.signature);
  for (const std::string& certificate : policy.chain) {
    out.add_chain(certificate);
  }
  return out.SerializeAsString();
}

Result<SignedPolicy, WireError> decode_signed_policy(Bytes bytes) {
  if (bytes.size() > kMaxPolicyBytes) {
    return Failure{WireError::over_limit};
  }
  v1::SignedPolicy in;
  if (!parse(bytes, in) || in.policy().empty() || in.signature().empty() || in.chain().empty()) {
    return Failure{WireError::malformed};
  }
  if (in.policy().size() > kMaxBody || in.signature().size() > kMaxSignature ||
      static_cast<std::size_t>(in.chain_size()) > kMaxChain) {
    return Failure{WireError::over_limit};
  }
  SignedPolicy policy{in.policy(), in.signature(), {}};
  for (const std::string& certificate : in.chain()) {
    if (certificate.size() > kMaxCertificateBytes) {
      return Failure{WireError::over_limit};
    }
    policy.chain.push_back(certificate);
  }
  return policy;
}

}  // namespace gnomon::wire
