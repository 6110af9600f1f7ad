#include "core/net/certificate.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <ctime>

#include "core/check.h"
#include "core/net/crypto.h"
#include "core/net/openssl_values.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

WallTime to_wall(const ASN1_TIME* time) {
  std::tm parts{};
  GNOMON_CHECK(ASN1_TIME_to_tm(time, &parts) == 1);
  return WallTime{std::chrono::seconds{::timegm(&parts)}};
}

}  // namespace

std::optional<Certificate> Certificate::from_der(std::string_view der) {
  const ErrorsForgotten forgotten;
  const unsigned char* place = data_of(der);
  auto certificate = own(d2i_X509(nullptr, &place, static_cast<long>(der.size())));
  if (!certificate || place != data_of(der) + der.size()) {
    return std::nullopt;
  }
  return Certificate{std::move(certificate)};
}

std::optional<Certificate> Certificate::from_pem(std::string_view pem) {
  auto chain = parse_pem_chain(pem);
  if (chain.empty()) {
    return std::nullopt;
  }
  return chain.front();
}

Certificate Certificate::borrowed(x509_st* certificate) {
  GNOMON_CHECK(X509_up_ref(certificate) == 1);
  return Certificate{own(certificate)};
}

std::string Certificate::to_der() const {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate_.get(), &data);
  return take_der(data, size);
}

std::string Certificate::to_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  GNOMON_CHECK(PEM_write_bio_X509(bio.get(), certificate_.get()) == 1);
  return text_in(bio.get());
}

std::string Certificate::common_name() const {
  X509_NAME* name = X509_get_subject_name(certificate_.get());
  const int place = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (place < 0) {
    return {};
  }
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, place));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string Certificate::serial() const {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate_.get());
  return to_hex({reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                 static_cast<std::size_t>(ASN1_STRING_length(serial))});
}

std::string Certificate::key_sha256() const {
  unsigned char* data = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate_.get()), &data);
  return sha256_text(take_der(data, size));
}

WallTime Certificate::not_before() const {
  return to_wall(X509_get0_notBefore(certificate_.get()));
}

WallTime Certificate::not_after() const {
  return to_wall(X509_get0_notAfter(certificate_.get()));
}

bool Certificate::is_signed_by(const Certificate& issuer) const {
  const ErrorsForgotten forgotten;
  return X509_verify(certificate_.get(), X509_get0_pubkey(issuer.handle())) == 1;
}

bool Certificate::belongs_to(const PrivateKey& key) const {
  const ErrorsForgotten forgotten;
  return X509_check_private_key(certificate_.get(), key.handle()) == 1;
}

bool Certificate::may_issue() const {
  const std::uint32_t usage = X509_get_key_usage(certificate_.get());
  return X509_check_ca(certificate_.get()) == 1 && (usage & KU_KEY_CERT_SIGN) != 0;
}

std::optional<long> Certificate::path_length() const {
  const long length = X509_get_pathlen(certificate_.get());
  return length < 0 ? std::nullopt : std::optional{length};
}

std::string Certificate::uri() const {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) {
      const ASN1_STRING* text = name->d.uniformResourceIdentifier;
      return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
              static_cast<std::size_t>(ASN1_STRING_length(text))};
    }
  }
  return {};
}

bool Certificate::verifies(std::string_view text, std::string_view signature) const {
  const ErrorsForgotten forgotten;
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY* key = X509_get0_pubkey(certificate_.get());
  return key != nullptr && is_p256(key) &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), data_of(signature), signature.size(), data_of(text),
                          text.size()) == 1;
}

bool Certificate::is_for(CertificateKind kind) const {
  std::uint32_t wanted = 0;
  switch (kind) {
    case CertificateKind::root:
      return X509_check_ca(certificate_.get()) == 1;
    case CertificateKind::agent:
    case CertificateKind::agent_issuer:
      wanted = XKU_SSL_CLIENT;
      break;
    case CertificateKind::server:
    case CertificateKind::server_issuer:
      wanted = XKU_SSL_SERVER;
      break;
    case CertificateKind::policy_signer:
      wanted = XKU_CODE_SIGN;
      break;
  }
  // Without the extension OpenSSL answers with all bits set: any purpose, which is not ours.
  const std::uint32_t usage = X509_get_extended_key_usage(certificate_.get());
  return usage != UINT32_MAX && (usage & wanted) != 0;
}

bool leads_to(const Certificate& certificate, const std::vector<Certificate>& between,
              const Certificate& root, std::optional<WallTime> now) {
  const ErrorsForgotten forgotten;
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                      &X509_STORE_free);
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
      X509_STORE_CTX_new(), &X509_STORE_CTX_free);
  const auto free_stack = [](STACK_OF(X509) * stack) { sk_X509_free(stack); };
  const std::unique_ptr<STACK_OF(X509), decltype(free_stack)> others(sk_X509_new_null(),
                                                                     free_stack);
  GNOMON_CHECK(store && context && others);
  GNOMON_CHECK(X509_STORE_add_cert(store.get(), root.handle()) == 1);
  for (const Certificate& one : between) {
    GNOMON_CHECK(sk_X509_push(others.get(), one.handle()) > 0);
  }
  GNOMON_CHECK(
      X509_STORE_CTX_init(context.get(), store.get(), certificate.handle(), others.get()) == 1);
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  // The root is trusted because it was pinned, also one that another authority issued.
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (now) {
    X509_VERIFY_PARAM_set_time(rules, unix_time(*now));
  } else {
    flags |= X509_V_FLAG_NO_CHECK_TIME;
  }
  GNOMON_CHECK(X509_VERIFY_PARAM_set_flags(rules, flags) == 1);
  return X509_verify_cert(context.get()) == 1;
}

std::vector<std::string> chain_to_der(const std::vector<Certificate>& chain) {
  std::vector<std::string> ders;
  ders.reserve(chain.size());
  for (const Certificate& certificate : chain) {
    ders.push_back(certificate.to_der());
  }
  return ders;
}

std::vector<Certificate> parse_pem_chain(std::string_view pem) {
  const ErrorsForgotten forgotten;
  std::vector<Certificate> chain;
  const Bio bio = reading(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    chain.push_back(Certificate::borrowed(certificate));
    X509_free(certificate);
  }
  return chain;
}

}  // namespace gnomon
