#include "core/net/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <chrono>
#include <ctime>

#include "core/check.h"
#include "core/net/crypto.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Request = std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)>;

std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, &EVP_PKEY_free};
}
std::shared_ptr<X509> own(X509* certificate) {
  return {certificate, &X509_free};
}

Bio reading(std::string_view text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

std::string text_in(BIO* bio) {
  BUF_MEM* memory = nullptr;
  GNOMON_CHECK(BIO_get_mem_ptr(bio, &memory) == 1);
  return {memory->data, memory->length};
}

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string take_der(unsigned char* data, int size) {
  GNOMON_CHECK(size > 0);
  std::string der(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return der;
}

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

// Peers' bytes leave errors in OpenSSL's queue; the next call would trip over them.
struct ErrorsForgotten {
  ErrorsForgotten() = default;
  ErrorsForgotten(const ErrorsForgotten&) = delete;
  ErrorsForgotten& operator=(const ErrorsForgotten&) = delete;
  ~ErrorsForgotten() { ERR_clear_error(); }
};

WallTime to_wall(const ASN1_TIME* time) {
  std::tm parts{};
  GNOMON_CHECK(ASN1_TIME_to_tm(time, &parts) == 1);
  return WallTime{std::chrono::seconds{::timegm(&parts)}};
}

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

std::time_t unix_time(WallTime time) {
  using std::chrono::floor;
  using std::chrono::seconds;
  return static_cast<std::time_t>(floor<seconds>(time).time_since_epoch().count());
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

PrivateKey PrivateKey::generate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  GNOMON_CHECK(key != nullptr);
  return PrivateKey{own(key)};
}

std::optional<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  const ErrorsForgotten forgotten;
  // A callback that gives no passphrase: OpenSSL would ask on the terminal.
  pem_password_cb* no_passphrase = [](char*, int, int, void*) { return -1; };
  const auto key =
      own(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, no_passphrase, nullptr));
  if (!key || !is_p256(key.get())) {
    return std::nullopt;
  }
  return PrivateKey{key};
}

std::optional<PrivateKey> PrivateKey::any_from_pem(std::string_view pem) {
  const ErrorsForgotten forgotten;
  pem_password_cb* no_passphrase = [](char*, int, int, void*) { return -1; };
  const auto key =
      own(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, no_passphrase, nullptr));
  constexpr int kMinRsaBits = 2048;
  constexpr int kMinCurveBits = 256;
  if (!key) {
    return std::nullopt;
  }
  const int kind = EVP_PKEY_get_base_id(key.get());
  const int bits = EVP_PKEY_get_bits(key.get());
  const bool good = (kind == EVP_PKEY_RSA && bits >= kMinRsaBits) ||
                    (kind == EVP_PKEY_EC && bits >= kMinCurveBits);
  return good ? std::optional{PrivateKey{key}} : std::nullopt;
}

std::string PrivateKey::to_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  GNOMON_CHECK(
      PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_in(bio.get());
}

std::string PrivateKey::sign(std::string_view text) const {
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  GNOMON_CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
  std::size_t size = 0;
  GNOMON_CHECK(EVP_DigestSign(context.get(), nullptr, &size, data_of(text), text.size()) == 1);
  std::string signature(size, '\0');
  GNOMON_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                              &size, data_of(text), text.size()) == 1);
  signature.resize(size);
  return signature;
}

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

PublicKey PublicKey::of(const PrivateKey& key) {
  GNOMON_CHECK(EVP_PKEY_up_ref(key.handle()) == 1);
  return PublicKey{own(key.handle())};
}

std::optional<PublicKey> PublicKey::from_csr(std::string_view der) {
  const ErrorsForgotten forgotten;
  const unsigned char* place = data_of(der);
  const Request request(d2i_X509_REQ(nullptr, &place, static_cast<long>(der.size())),
                        &X509_REQ_free);
  if (!request) {
    return std::nullopt;
  }
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !is_p256(key) || X509_REQ_verify(request.get(), key) != 1) {
    return std::nullopt;
  }
  GNOMON_CHECK(EVP_PKEY_up_ref(key) == 1);
  return PublicKey{own(key)};
}

std::string make_csr(const PrivateKey& key) {
  const Request request(X509_REQ_new(), &X509_REQ_free);
  GNOMON_CHECK(request && X509_REQ_set_version(request.get(), 0) == 1 &&
               X509_REQ_set_pubkey(request.get(), key.handle()) == 1 &&
               X509_REQ_sign(request.get(), key.handle(), EVP_sha256()) > 0);
  unsigned char* data = nullptr;
  const int size = i2d_X509_REQ(request.get(), &data);
  return take_der(data, size);
}

Certificate issue(const CertificateRequest& request, const PublicKey& subject,
                  const Issuer& issuer) {
  return issue_with(request, subject.handle(), issuer.certificate.handle(), issuer.key.handle());
}

Certificate issue_self_signed(const CertificateRequest& request, const PrivateKey& self) {
  return issue_with(request, self.handle(), nullptr, self.handle());
}

}  // namespace gnomon
