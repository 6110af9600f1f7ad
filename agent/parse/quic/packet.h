// QUIC long headers, as far as they are readable without keys (RFC 8999, RFC 9000 section 17.2).

#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/parse/parse_error.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon::quic {

constexpr std::uint32_t kVersion1 = 0x00000001;  // RFC 9000
constexpr std::uint32_t kVersion2 = 0x6b3343cf;  // RFC 9369

// kMaxConnectionIdBytes is the limit of versions 1 and 2 (RFC 9000, section 17.2).
constexpr std::size_t kMaxConnectionIdBytes = 20;

enum class PacketType : std::uint8_t {
  initial,
  zero_rtt,
  handshake,
  retry,
  version_negotiation,
};

// PacketView is one packet with a long header; packets may follow it in the same datagram.
struct PacketView {
  PacketType type = PacketType::initial;
  std::uint32_t version = 0;
  Bytes destination_id;
  Bytes source_id;
  Bytes token;                   // of an Initial
  Bytes bytes;                   // the whole packet, from its first byte
  std::size_t protected_at = 0;  // position of the packet number; 0 for Retry, negotiation
};

// has_long_header is the cheapest test there is: everything else is not for us.
inline bool has_long_header(Bytes datagram) {
  return !datagram.empty() && datagram[0] >= 0x80;
}

// is_known_version tells the versions whose Initial packets we can open: 1, 2, the drafts 22 to
// 34 and what Facebook's mvfst made of them.
bool is_known_version(std::uint32_t version);

// parse_packet reads the first packet of a datagram and leaves `datagram` behind it. A Retry or
// version negotiation packet takes all that is left.
//
// `not_protocol` for short headers, unknown versions and connection ids over the limit;
// `truncated` when the packet runs over the end of the datagram (a snaplen may have cut it).
Result<PacketView, ParseError> parse_packet(ByteReader& datagram);

// read_varint reads a variable-length integer (RFC 9000, section 16); fails the reader when short.
std::uint64_t read_varint(ByteReader& reader);

}  // namespace gnomon::quic
