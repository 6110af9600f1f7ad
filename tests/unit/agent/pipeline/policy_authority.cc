#include "tests/unit/agent/pipeline/policy_authority.h"

#include <chrono>

#include "agent/uplink/identity.h"
#include "core/check.h"
#include "core/net/policy_signature.h"

namespace gnomon::testing {
namespace {

CertificateRequest request(CertificateKind kind, WallTime now) {
  CertificateRequest wanted;
  wanted.kind = kind;
  wanted.common_name = "test";
  wanted.not_before = now - std::chrono::days{1};
  wanted.not_after = now + std::chrono::days{10};
  return wanted;
}

Issuer made(CertificateKind kind, const Issuer& by, WallTime now) {
  const PrivateKey key = PrivateKey::generate();
  return {issue(request(kind, now), PublicKey::of(key), by), key};
}

Issuer made_root(WallTime now) {
  const PrivateKey key = PrivateKey::generate();
  return {issue_self_signed(request(CertificateKind::root, now), key), key};
}

}  // namespace

struct PolicyAuthority::Parts {
  explicit Parts(WallTime now)
      : root(made_root(now)),
        servers(made(CertificateKind::server_issuer, root, now)),
        signer(made(CertificateKind::policy_signer, servers, now)),
        agent(made(CertificateKind::agent, root, now)) {}

  Issuer root;
  Issuer servers;
  Issuer signer;
  Issuer agent;
};

PolicyAuthority::PolicyAuthority(WallTime now) : parts_(std::make_unique<Parts>(now)) {}
PolicyAuthority::~PolicyAuthority() = default;

void PolicyAuthority::enrol(FileSystem& files, const std::string& identity_folder) const {
  const Identity identity{
      "test", parts_->agent.key, {parts_->agent.certificate}, parts_->root.certificate};
  GNOMON_CHECK(store_identity(files, identity_folder, identity).has_value());
}

std::string PolicyAuthority::bytes_of_policy(const Policy& policy) const {
  return sign_policy(policy, parts_->signer, {parts_->servers.certificate});
}

}  // namespace gnomon::testing
