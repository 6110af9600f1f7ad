#include "core/net/policy_signature.h"

#include <utility>

#include "core/file.h"

namespace gnomon {
namespace {

// signed_text is what the signature is over. The prefix keeps it from being taken for anything
// else that a key of the authority may sign.
std::string signed_text(const std::string& policy) {
  return std::string{"gnomon policy 1"} + '\0' + policy;
}

}  // namespace

std::string sign_policy(const Policy& policy, const Issuer& signer,
                        const std::vector<Certificate>& issuers) {
  wire::SignedPolicy out;
  out.policy = wire::encode(policy);
  out.signature = signer.key.sign(signed_text(out.policy));
  out.chain.push_back(signer.certificate.to_der());
  for (const Certificate& issuer : issuers) {
    out.chain.push_back(issuer.to_der());
  }
  return wire::encode(out);
}

Result<Policy, std::string> open_policy(Bytes bytes, const Certificate& root,
                                        std::optional<WallTime> now) {
  const auto parts = wire::decode_signed_policy(bytes);
  if (!parts) {
    return Failure{std::string{"it is no policy"}};
  }
  std::vector<Certificate> chain;
  for (const std::string& der : parts->chain) {
    const auto certificate = Certificate::from_der(der);
    if (!certificate) {
      return Failure{std::string{"its signer's certificate cannot be read"}};
    }
    chain.push_back(*certificate);
  }
  const Certificate signer = chain.front();
  chain.erase(chain.begin());
  if (!signer.is_for(CertificateKind::policy_signer) || !leads_to(signer, chain, root, now)) {
    return Failure{std::string{"it is not signed by this agent's own collector"}};
  }
  if (!signer.verifies(signed_text(parts->policy), parts->signature)) {
    return Failure{std::string{"its signature is wrong"}};
  }
  auto policy = wire::decode_policy(bytes_of(parts->policy));
  if (!policy) {
    return Failure{std::string{"a value in it is out of range"}};
  }
  return std::move(*policy);
}

}  // namespace gnomon
