#include "agent/parse/quic/packet.h"

namespace gnomon::quic {

namespace {

constexpr std::uint8_t kLongHeader = 0x80;
constexpr std::uint8_t kFixedBit = 0x40;

constexpr std::uint32_t kDraftMask = 0xffffff00;
constexpr std::uint32_t kDraftPrefix = 0xff000000;
constexpr std::uint8_t kFirstDraft = 22;  // older drafts have other headers
constexpr std::uint8_t kLastDraft = 34;

// mvfst's own numbers: 0xfaceb001 (draft 22), 0xfaceb002 to 0xfaceb013 (27 and on).
constexpr std::uint32_t kMvfstMask = 0xffffff00;
constexpr std::uint32_t kMvfstPrefix = 0xfaceb000;

// packet_type reads the two type bits, which version 2 rotates (RFC 9369, section 3.2).
PacketType packet_type(std::uint8_t first, std::uint32_t version) {
  unsigned bits = (first >> 4) & 0x03;
  if (version == kVersion2) {
    bits = (bits + 3) & 0x03;
  }
  switch (bits) {
    case 0:
      return PacketType::initial;
    case 1:
      return PacketType::zero_rtt;
    case 2:
      return PacketType::handshake;
    default:
      return PacketType::retry;
  }
}

}  // namespace

bool is_known_version(std::uint32_t version) {
  if (version == kVersion1 || version == kVersion2) {
    return true;
  }
  if ((version & kDraftMask) == kDraftPrefix) {
    return (version & 0xff) >= kFirstDraft && (version & 0xff) <= kLastDraft;
  }
  return (version & kMvfstMask) == kMvfstPrefix;
}

std::uint64_t read_varint(ByteReader& reader) {
  const std::uint8_t first = reader.u8();
  std::uint64_t value = first & 0x3f;
  for (unsigned more = (1U << (first >> 6)) - 1; more > 0; --more) {
    value = (value << 8) | reader.u8();
  }
  return reader.ok() ? value : 0;
}

Result<PacketView, ParseError> parse_packet(ByteReader& datagram) {
  const ByteReader start = datagram;
  const std::uint8_t first = datagram.u8();
  if (datagram.ok() && (first & kLongHeader) == 0) {
    return Failure{ParseError::not_protocol};
  }
  PacketView packet;
  packet.version = datagram.u32();
  if (datagram.ok() && packet.version != 0 &&
      (!is_known_version(packet.version) || (first & kFixedBit) == 0)) {
    return Failure{ParseError::not_protocol};
  }
  for (Bytes* id : {&packet.destination_id, &packet.source_id}) {
    const std::uint8_t length = datagram.u8();
    if (length > kMaxConnectionIdBytes) {
      return Failure{ParseError::not_protocol};
    }
    *id = datagram.take(length);
  }
  if (!datagram.ok()) {
    return Failure{ParseError::truncated};
  }

  const auto whole = [&start](std::size_t left) {
    ByteReader again = start;
    return again.take(start.remaining() - left);
  };
  packet.type =
      packet.version == 0 ? PacketType::version_negotiation : packet_type(first, packet.version);
  if (packet.type == PacketType::version_negotiation || packet.type == PacketType::retry) {
    datagram.skip(datagram.remaining());
    packet.bytes = whole(0);
    return packet;
  }
  if (packet.type == PacketType::initial) {
    packet.token = datagram.take(read_varint(datagram));
  }
  const std::uint64_t length = read_varint(datagram);
  if (!datagram.ok()) {
    return Failure{ParseError::truncated};
  }
  packet.protected_at = start.remaining() - datagram.remaining();
  datagram.skip(length);
  if (!datagram.ok()) {
    return Failure{ParseError::truncated};
  }
  packet.bytes = whole(datagram.remaining());
  return packet;
}

}  // namespace gnomon::quic
