// CRC-32C (Castagnoli; RFC 3720, appendix B.4): the checksum of every record.

#pragma once

#include <cstdint>

#include "core/byte_reader.h"

namespace gnomon {

// crc32c yields the checksum of `bytes`; pass an earlier result to go on from there.
std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0);

}  // namespace gnomon
