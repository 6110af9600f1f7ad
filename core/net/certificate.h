// Keys and certificates: P-256 and X.509, over OpenSSL, as plain values.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"

struct evp_pkey_st;
struct x509_st;

namespace gnomon {

// PrivateKey is a P-256 key, unless any_from_pem made it. Copies share it; it is never changed.
class PrivateKey {
 public:
  static PrivateKey generate();

  // from_pem yields nullopt when the text is no unencrypted P-256 key.
  static std::optional<PrivateKey> from_pem(std::string_view pem);

  // any_from_pem takes keys of other kinds too, as a company's own authority may have: RSA of 2048
  // bits or more, and the curves P-256, P-384 and P-521.
  static std::optional<PrivateKey> any_from_pem(std::string_view pem);

  std::string to_pem() const;  // PKCS #8, unencrypted: for a 0600 file and nothing else

  // sign gives an ECDSA signature with SHA-256 over `text`, in DER.
  std::string sign(std::string_view text) const;

  evp_pkey_st* handle() const { return key_.get(); }

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

  std::shared_ptr<evp_pkey_st> key_;
};

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

// leads_to says whether a chain of signatures by authorities leads from `certificate` over some of
// `between` to `root`; with `now` all of them must be in date. Nothing is said about purposes.
bool leads_to(const Certificate& certificate, const std::vector<Certificate>& between,
              const Certificate& root, std::optional<WallTime> now);

// PublicKey is the subject's key of a certificate to be issued.
class PublicKey {
 public:
  static PublicKey of(const PrivateKey& key);

  // from_csr takes the key out of a PKCS #10 request (DER): nullopt unless it is a P-256 key and
  // signed the request. Nothing else in the request counts.
  static std::optional<PublicKey> from_csr(std::string_view der);

  evp_pkey_st* handle() const { return key_.get(); }

 private:
  explicit PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

  std::shared_ptr<evp_pkey_st> key_;
};

// make_csr gives a PKCS #10 request (DER) with no names in it.
std::string make_csr(const PrivateKey& key);

// CertificateRequest says what to issue.
struct CertificateRequest {
  CertificateKind kind = CertificateKind::agent;
  std::string common_name;
  std::vector<std::string> dns_names;  // subject alternative names; checked by the caller
  std::vector<std::string> addresses;
  std::string uri;
  WallTime not_before;
  WallTime not_after;
};

// Issuer is a certificate with its key.
struct Issuer {
  Certificate certificate;
  PrivateKey key;
};

// issue makes a certificate for `subject`, signed by `issuer`.
Certificate issue(const CertificateRequest& request, const PublicKey& subject,
                  const Issuer& issuer);
Certificate issue_self_signed(const CertificateRequest& request, const PrivateKey& self);

}  // namespace gnomon
