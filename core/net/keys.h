// Keys of certificates: P-256, over OpenSSL, as plain values.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

struct evp_pkey_st;

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

}  // namespace gnomon
