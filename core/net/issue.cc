#include "core/net/issue.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "core/check.h"
#include "core/net/crypto.h"
#include "core/net/openssl_values.h"

namespace gnomon {
namespace {

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  GNOMON_CHECK(extension != nullptr);
  GNOMON_CHECK(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

std::string alternative_names(const CertificateRequest& request) {
  std::string names;
  const auto add = [&](const char* kind, const std::string& name) {
    names += (names.empty() ? "" : ",") + std::string{kind} + name;
  };
  for (const std::string& name : request.dns_names) {
    add("DNS:", name);
  }
  for (const std::string& address : request.addresses) {
    add("IP:", address);
  }
  if (!request.uri.empty()) {
    add("URI:", request.uri);
  }
  return names;
}

void add_extensions(X509* certificate, X509* issuer, const CertificateRequest& request) {
  const char* constraints = "critical,CA:FALSE";
  const char* usage = "critical,digitalSignature";
  const char* purpose = nullptr;
  switch (request.kind) {
    case CertificateKind::root:
      constraints = "critical,CA:TRUE,pathlen:1";
      usage = "critical,keyCertSign,cRLSign";
      break;
    case CertificateKind::agent_issuer:
    case CertificateKind::server_issuer:
      constraints = "critical,CA:TRUE,pathlen:0";
      usage = "critical,keyCertSign,cRLSign";
      purpose = request.kind == CertificateKind::agent_issuer ? "clientAuth" : "serverAuth";
      break;
    case CertificateKind::agent:
      purpose = "clientAuth";
      break;
    case CertificateKind::server:
      purpose = "serverAuth";
      break;
    case CertificateKind::policy_signer:
      purpose = "codeSigning";
      break;
  }
  add_extension(certificate, issuer, NID_basic_constraints, constraints);
  add_extension(certificate, issuer, NID_key_usage, usage);
  if (purpose != nullptr) {
    add_extension(certificate, issuer, NID_ext_key_usage, purpose);
  }
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  if (certificate != issuer) {
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
  }
  if (const std::string names = alternative_names(request); !names.empty()) {
    add_extension(certificate, issuer, NID_subject_alt_name, names);
  }
}

void set_serial(X509* certificate) {
  // 126 random bits, positive: more than the 64 that the CA/Browser Forum asks for.
  std::string serial = random_bytes(16);
  serial[0] = static_cast<char>((serial[0] & 0x7f) | 0x40);
  BIGNUM* number = BN_bin2bn(data_of(serial), 16, nullptr);
  GNOMON_CHECK(number != nullptr &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr);
  BN_free(number);
}

Certificate issue_with(const CertificateRequest& request, EVP_PKEY* subject, X509* issuer,
                       EVP_PKEY* issuer_key) {
  const std::shared_ptr<X509> certificate = own(X509_new());
  X509* x = certificate.get();
  GNOMON_CHECK(x != nullptr && X509_set_version(x, X509_VERSION_3) == 1);
  set_serial(x);
  GNOMON_CHECK(ASN1_TIME_set(X509_getm_notBefore(x), unix_time(request.not_before)) != nullptr);
  GNOMON_CHECK(ASN1_TIME_set(X509_getm_notAfter(x), unix_time(request.not_after)) != nullptr);
  GNOMON_CHECK(X509_NAME_add_entry_by_txt(
                   X509_get_subject_name(x), "CN", MBSTRING_UTF8, data_of(request.common_name),
                   static_cast<int>(request.common_name.size()), -1, 0) == 1);
  GNOMON_CHECK(X509_set_pubkey(x, subject) == 1);
  X509* signer = issuer == nullptr ? x : issuer;
  GNOMON_CHECK(X509_set_issuer_name(x, X509_get_subject_name(signer)) == 1);
  add_extensions(x, signer, request);
  GNOMON_CHECK(X509_sign(x, issuer_key, EVP_sha256()) > 0);
  return Certificate::borrowed(x);
}

}  // namespace

Certificate issue(const CertificateRequest& request, const PublicKey& subject,
                  const Issuer& issuer) {
  return issue_with(request, subject.handle(), issuer.certificate.handle(), issuer.key.handle());
}

Certificate issue_self_signed(const CertificateRequest& request, const PrivateKey& self) {
  return issue_with(request, self.handle(), nullptr, self.handle());
}

}  // namespace gnomon
