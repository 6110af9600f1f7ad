#include "core/net/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <memory>

#include "core/check.h"
#include "core/net/openssl_values.h"

namespace gnomon {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kKeyBytes = 32;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  GNOMON_CHECK(RAND_bytes(writable(bytes), static_cast<int>(count)) == 1);
  return bytes;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string new_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text = to_hex(bytes);
  for (const std::size_t place : {20U, 16U, 12U, 8U}) {
    text.insert(place, 1, '-');
  }
  return text;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    text.push_back(kDigits[(static_cast<std::uint8_t>(byte) >> 4) & 0x0f]);
    text.push_back(kDigits[static_cast<std::uint8_t>(byte) & 0x0f]);
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    for (const char c : text.substr(i, 2)) {
      const bool digit = c >= '0' && c <= '9';
      if (!digit && !(c >= 'a' && c <= 'f')) {
        return std::nullopt;
      }
      value = value * 16 + static_cast<unsigned>(digit ? c - '0' : c - 'a' + 10);
    }
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

std::string hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> method(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
  GNOMON_CHECK(method != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(method.get()), &EVP_KDF_CTX_free);
  // OpenSSL takes parameters by pointers to what it only reads.
  const auto octets = [](const char* name, std::string& text) {
    return OSSL_PARAM_construct_octet_string(name, text.data(), text.size());
  };
  std::string digest = "SHA256";
  std::string key{secret};
  std::string mixed{salt};
  std::string purpose{info};
  std::array<OSSL_PARAM, 5> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
      octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, mixed),
      octets(OSSL_KDF_PARAM_INFO, purpose), OSSL_PARAM_construct_end()};
  std::string derived(kKeyBytes, '\0');
  GNOMON_CHECK(
      EVP_KDF_derive(context.get(), writable(derived), derived.size(), parameters.data()) == 1);
  return derived;
}

std::string seal_aes_gcm(std::string_view key, std::string_view plain, std::string_view context) {
  GNOMON_CHECK(key.size() == kKeyBytes);
  std::string sealed = random_bytes(kNonceBytes);
  sealed.resize(kNonceBytes + plain.size() + kTagBytes);
  unsigned char* out = writable(sealed);
  const CipherContext cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  GNOMON_CHECK(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, data_of(key), out) ==
               1);
  GNOMON_CHECK(EVP_EncryptUpdate(cipher.get(), nullptr, &size, data_of(context),
                                 static_cast<int>(context.size())) == 1);
  GNOMON_CHECK(EVP_EncryptUpdate(cipher.get(), out + kNonceBytes, &size, data_of(plain),
                                 static_cast<int>(plain.size())) == 1);
  GNOMON_CHECK(EVP_EncryptFinal_ex(cipher.get(), out + kNonceBytes + plain.size(), &size) == 1);
  GNOMON_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                                   out + kNonceBytes + plain.size()) == 1);
  return sealed;
}

std::optional<std::string> open_aes_gcm(std::string_view key, Bytes sealed,
                                        std::string_view context) {
  GNOMON_CHECK(key.size() == kKeyBytes);
  if (sealed.size() < kNonceBytes + kTagBytes) {
    return std::nullopt;
  }
  const Bytes body = sealed.subspan(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  const Bytes tag = sealed.last(kTagBytes);
  std::string tag_copy(reinterpret_cast<const char*>(tag.data()), tag.size());
  std::string plain(body.size(), '\0');
  const CipherContext cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  const bool opened =
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, data_of(key), sealed.data()) ==
          1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, data_of(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), writable(plain), &size, body.data(),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, writable(tag_copy)) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), writable(plain) + plain.size(), &size) == 1;
  if (!opened) {
    return std::nullopt;
  }
  return plain;
}

}  // namespace gnomon
