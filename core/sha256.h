// SHA-256 (FIPS 180-4) and the HMAC of it (RFC 2104).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/byte_reader.h"

namespace gnomon {

constexpr std::size_t kSha256Bytes = 32;

using Sha256 = std::array<std::uint8_t, kSha256Bytes>;

Sha256 sha256(Bytes bytes);

// hmac_sha256 takes keys of every size.
Sha256 hmac_sha256(Bytes key, Bytes message);

// sha256_text gives the 32 bytes as a string, for the fields of messages.
std::string sha256_text(std::string_view text);

}  // namespace gnomon
