// Certificates: X.509, over OpenSSL, as plain values: what they say and whether they hold.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/net/keys.h"

struct x509_st;

namespace gnomon {

// CertificateKind decides key usage, extended key usage and constraints.
enum class CertificateKind : std::uint8_t {
  root,           // signs issuers only
  agent_issuer,   // signs agents: path length 0, clientAuth
  server_issuer,  // signs servers: path length 0, serverAuth
  agent,          // clientAuth
  server,         // serverAuth
  policy_signer,  // signs policies: codeSigning, and neither of the other two
};

// Certificate is an X.509 certificate. Copies share it; it is never changed.
class Certificate {
 public:
  static std::optional<Certificate> from_der(std::string_view der);
  static std::optional<Certificate> from_pem(std::string_view pem);  // the first one in it

  // borrowed takes its own reference to a certificate that OpenSSL owns.
  static Certificate borrowed(x509_st* certificate);

  std::string to_der() const;
  std::string to_pem() const;

  std::string common_name() const;  // of the subject; empty when there is none
  std::string serial() const;       // hexadecimal, lower-case
  std::string key_sha256() const;   // SHA-256 of the SubjectPublicKeyInfo, 32 bytes
  WallTime not_before() const;
  WallTime not_after() const;

  // is_signed_by says whether `issuer`'s key made this certificate's signature; nothing about
  // dates or purposes.
  bool is_signed_by(const Certificate& issuer) const;
  bool belongs_to(const PrivateKey& key) const;

  // may_issue says whether it is an authority's; path_length how many further authorities may stand
  // below it, nullopt: any number.
  bool may_issue() const;
  std::optional<long> path_length() const;

  // uri is the first one among the subject's alternative names; empty when there is none.
  std::string uri() const;

  // verifies says whether `signature` is of `text` by the subject's key, as PrivateKey::sign makes.
  bool verifies(std::string_view text, std::string_view signature) const;

  // is_for says whether the certificate's extended key usage names the purpose of `kind`.
  bool is_for(CertificateKind kind) const;

  x509_st* handle() const { return certificate_.get(); }

 private:
  explicit Certificate(std::shared_ptr<x509_st> certificate)
      : certificate_(std::move(certificate)) {}

  std::shared_ptr<x509_st> certificate_;
};

// parse_pem_chain yields all certificates in a text, in order.
std::vector<Certificate> parse_pem_chain(std::string_view pem);

// chain_to_der gives each certificate of a chain as it travels.
std::vector<std::string> chain_to_der(const std::vector<Certificate>& chain);

// leads_to says whether a chain of signatures by authorities leads from `certificate` over some of
// `between` to `root`; with `now` all of them must be in date. Nothing is said about purposes.
bool leads_to(const Certificate& certificate, const std::vector<Certificate>& between,
              const Certificate& root, std::optional<WallTime> now);

}  // namespace gnomon
