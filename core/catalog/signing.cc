#include "core/catalog/signing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

#include "core/check.h"

namespace gnomon {
namespace {

constexpr std::string_view kSecretHead = "gnomon-secret-key 1\n";

using PKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using MdContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

PKey private_key(const std::array<std::uint8_t, kKeyBytes>& seed) {
  PKey key{EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()),
           EVP_PKEY_free};
  GNOMON_CHECK(key != nullptr);
  return key;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

KeyId key_id(const SignerKey& key) {
  const Sha256 hash = sha256(key);
  KeyId id{};
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

bool verify(const SignerKey& key, Bytes message, Bytes signature) {
  if (key.size() != kKeyBytes || signature.size() != kSignatureBytes) {
    return false;
  }
  const PKey public_key{
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
      EVP_PKEY_free};
  const MdContext context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  return public_key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

SecretKey SecretKey::generate() {
  std::array<std::uint8_t, kKeyBytes> seed{};
  GNOMON_CHECK(RAND_priv_bytes(seed.data(), static_cast<int>(seed.size())) == 1);
  SecretKey key{seed};
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

std::optional<SecretKey> SecretKey::from_text(std::string_view text) {
  if (!text.starts_with(kSecretHead)) {
    return std::nullopt;
  }
  text.remove_prefix(kSecretHead.size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  auto raw = bytes_from_hex(text);
  if (!raw || raw->size() != kKeyBytes) {
    return std::nullopt;
  }
  std::array<std::uint8_t, kKeyBytes> seed{};
  std::copy(raw->begin(), raw->end(), seed.begin());
  OPENSSL_cleanse(raw->data(), raw->size());
  return SecretKey{seed};
}

SecretKey::~SecretKey() {
  OPENSSL_cleanse(seed_.data(), seed_.size());
}

SignerKey SecretKey::public_key() const {
  SignerKey key(kKeyBytes);
  std::size_t size = key.size();
  GNOMON_CHECK(EVP_PKEY_get_raw_public_key(private_key(seed_).get(), key.data(), &size) == 1);
  return key;
}

std::array<std::uint8_t, kSignatureBytes> SecretKey::sign(Bytes message) const {
  const PKey key = private_key(seed_);
  const MdContext context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  std::array<std::uint8_t, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  GNOMON_CHECK(
      context != nullptr &&
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);
  return signature;
}

std::string SecretKey::to_text() const {
  return std::string{kSecretHead} + to_hex(seed_) + "\n";
}

std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::optional<std::vector<std::uint8_t>> bytes_from_hex(std::string_view text) {
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

}  // namespace gnomon
