#include "core/net/keys.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/check.h"
#include "core/net/openssl_values.h"

namespace gnomon {
namespace {

using Request = std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)>;

// read_key takes unencrypted keys alone: the callback gives no passphrase, where OpenSSL would ask
// on the terminal.
std::shared_ptr<EVP_PKEY> read_key(std::string_view pem) {
  pem_password_cb* no_passphrase = [](char*, int, int, void*) { return -1; };
  return own(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, no_passphrase, nullptr));
}

}  // namespace

PrivateKey PrivateKey::generate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  GNOMON_CHECK(key != nullptr);
  return PrivateKey{own(key)};
}

std::optional<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  const ErrorsForgotten forgotten;
  const auto key = read_key(pem);
  if (!key || !is_p256(key.get())) {
    return std::nullopt;
  }
  return PrivateKey{key};
}

std::optional<PrivateKey> PrivateKey::any_from_pem(std::string_view pem) {
  const ErrorsForgotten forgotten;
  const auto key = read_key(pem);
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
  GNOMON_CHECK(
      EVP_DigestSign(context.get(), writable(signature), &size, data_of(text), text.size()) == 1);
  signature.resize(size);
  return signature;
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

}  // namespace gnomon
