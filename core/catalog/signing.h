// Ed25519 signatures and their text forms, for packs and trust files.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/byte_reader.h"
#include "core/catalog/rule_pack.h"
#include "core/file.h"
#include "core/sha256.h"

namespace gnomon {

constexpr std::size_t kKeyBytes = 32;        // Ed25519 (RFC 8032): seed and public key
constexpr std::size_t kSignatureBytes = 64;  // Ed25519
constexpr std::size_t kKeyIdBytes = 8;       // first bytes of the key's SHA-256

using KeyId = std::array<std::uint8_t, kKeyIdBytes>;

KeyId key_id(const SignerKey& key);

// verify tells whether `signature` is of `message` by `key`; false for keys of a wrong size.
bool verify(const SignerKey& key, Bytes message, Bytes signature);

// SecretKey holds an Ed25519 seed, and wipes it when it goes.
class SecretKey {
 public:
  static SecretKey generate();
  // from_text reads what to_text wrote; nullopt when it is nothing of the kind.
  static std::optional<SecretKey> from_text(std::string_view text);

  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  SecretKey(SecretKey&&) = default;
  SecretKey& operator=(SecretKey&&) = default;
  ~SecretKey();

  SignerKey public_key() const;
  std::array<std::uint8_t, kSignatureBytes> sign(Bytes message) const;
  // to_text gives the content of a key file, which belongs to its owner alone (mode 0600).
  std::string to_text() const;

 private:
  explicit SecretKey(const std::array<std::uint8_t, kKeyBytes>& seed) : seed_(seed) {}

  std::array<std::uint8_t, kKeyBytes> seed_{};
};

std::string to_hex(Bytes bytes);
std::optional<std::vector<std::uint8_t>> bytes_from_hex(std::string_view text);

}  // namespace gnomon
