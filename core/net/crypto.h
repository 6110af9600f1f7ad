// The few primitives that keys, tokens and the spool need, over OpenSSL.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/byte_reader.h"

namespace gnomon {

// random_bytes comes from the system's generator; there is no failure to handle.
std::string random_bytes(std::size_t count);

// equal_in_constant_time does not tell, by how long it takes, where two secrets differ.
bool equal_in_constant_time(std::string_view left, std::string_view right);

// new_uuid is a random UUID (RFC 4122, version 4), lower-case.
std::string new_uuid();

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);  // lower-case only

// hkdf_sha256 derives 32 bytes from a secret (RFC 5869). `info` says what for: keys of two purposes
// have nothing in common. `salt` need not be secret, and may be empty.
std::string hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info);

// seal_aes_gcm encrypts with AES-256-GCM under a fresh random nonce: nonce, ciphertext, tag.
// `key` is 32 bytes. open_aes_gcm yields nullopt when anything was changed.
std::string seal_aes_gcm(std::string_view key, std::string_view plain, std::string_view context);
std::optional<std::string> open_aes_gcm(std::string_view key, Bytes sealed,
                                        std::string_view context);

}  // namespace gnomon
