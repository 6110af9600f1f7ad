#include "core/net/policy_signature.h"

#include "core/file.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

constexpr WallTime kNow{std::chrono::seconds{1'800'000'000}};
constexpr std::chrono::hours kYear{24 * 365};

// An installation: a root, its issuer, and what the issuer made.
struct Installation {
  static CertificateRequest request(CertificateKind kind) {
    CertificateRequest wanted;
    wanted.kind = kind;
    wanted.common_name = "test";
    wanted.not_before = kNow - kYear;
    wanted.not_after = kNow + kYear;
    return wanted;
  }

  static Issuer self_signed() {
    const PrivateKey key = PrivateKey::generate();
    return {issue_self_signed(request(CertificateKind::root), key), key};
  }

  Issuer made(CertificateKind kind) const {
    const PrivateKey key = PrivateKey::generate();
    return {issue(request(kind), PublicKey::of(key), issuer), key};
  }

  static Issuer below(const Issuer& root) {
    const PrivateKey key = PrivateKey::generate();
    return {issue(request(CertificateKind::server_issuer), PublicKey::of(key), root), key};
  }

  Issuer root = self_signed();
  Issuer issuer = below(root);
};

Policy some_policy() {
  Policy policy;
  policy.version = 7;
  policy.collect_users = false;
  return policy;
}

TEST_CASE("Policy signature: what the installation's signer signed is opened", "[core][net]") {
  const Installation ours;
  const std::string bytes = sign_policy(some_policy(), ours.made(CertificateKind::policy_signer),
                                        {ours.issuer.certificate});
  const auto opened = open_policy(bytes_of(bytes), ours.root.certificate, kNow);
  REQUIRE(opened);
  CHECK(*opened == some_policy());
}

TEST_CASE("Policy signature: another installation's policy is refused", "[core][net]") {
  const Installation ours;
  const Installation theirs;
  const std::string bytes = sign_policy(some_policy(), theirs.made(CertificateKind::policy_signer),
                                        {theirs.issuer.certificate});
  const auto opened = open_policy(bytes_of(bytes), ours.root.certificate, kNow);
  REQUIRE_FALSE(opened);
  CHECK(opened.error() == "it is not signed by this agent's own collector");
}

TEST_CASE("Policy signature: a certificate of another purpose signs no policy", "[core][net]") {
  const Installation ours;
  for (const auto kind : {CertificateKind::agent, CertificateKind::server}) {
    const std::string bytes =
        sign_policy(some_policy(), ours.made(kind), {ours.issuer.certificate});
    CHECK_FALSE(open_policy(bytes_of(bytes), ours.root.certificate, kNow));
  }
}

TEST_CASE("Policy signature: an expired signer is refused as an update and kept once stored",
          "[core][net]") {
  const Installation ours;
  const std::string bytes = sign_policy(some_policy(), ours.made(CertificateKind::policy_signer),
                                        {ours.issuer.certificate});
  CHECK_FALSE(open_policy(bytes_of(bytes), ours.root.certificate, kNow + 2 * kYear));
  CHECK(open_policy(bytes_of(bytes), ours.root.certificate, std::nullopt));
}

TEST_CASE("Policy signature: no changed byte gives another policy", "[core][net]") {
  const Installation ours;
  const std::string bytes = sign_policy(some_policy(), ours.made(CertificateKind::policy_signer),
                                        {ours.issuer.certificate});
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    const auto opened = open_policy(bytes_of(changed), ours.root.certificate, kNow);
    CAPTURE(at);
    CHECK((!opened || *opened == some_policy()));
  }
}

}  // namespace
}  // namespace gnomon
