#include "agent/decode/tunnel.h"

#include "agent/decode/link.h"

namespace gnomon {
namespace {

// Protocol numbers, https://www.iana.org/assignments/protocol-numbers
constexpr std::uint8_t kIpInIp = 4;
constexpr std::uint8_t kIpv6InIp = 41;
constexpr std::uint8_t kGre = 47;
constexpr std::uint8_t kEtherIp = 97;
constexpr std::uint8_t kMplsInIp = 137;

std::optional<Inside> rest_as(ByteReader& reader, std::uint16_t type) {
  const Bytes rest = reader.take(reader.remaining());
  if (!reader.ok() || rest.empty()) {
    return std::nullopt;
  }
  return Inside{type, rest};
}

std::optional<Inside> ip_by_version(ByteReader& reader) {
  const Bytes rest = reader.take(reader.remaining());
  if (!reader.ok() || rest.empty() || (rest[0] >> 4 != 4 && rest[0] >> 4 != 6)) {
    return std::nullopt;
  }
  return Inside{ether::kAnyIp, rest};
}

// RFC 2784, RFC 2890 (key, sequence), RFC 1701 (routing, which we refuse), RFC 2637 (version 1
// with acknowledgement, for PPTP).
std::optional<Inside> gre(Bytes payload) {
  ByteReader reader{payload};
  const std::uint16_t flags = reader.u16();
  std::uint16_t type = reader.u16();
  const unsigned version = flags & 7U;
  if (version > 1 || (flags & 0x4000) != 0) {
    return std::nullopt;
  }
  if ((flags & 0x8000) != 0) {
    reader.skip(4);  // checksum, reserved
  }
  if ((flags & 0x2000) != 0) {
    reader.skip(4);  // key
  }
  const bool has_sequence = (flags & 0x1000) != 0;
  if (has_sequence) {
    reader.skip(4);
  }
  if (version == 1 && (flags & 0x0080) != 0) {
    reader.skip(4);  // acknowledgement
  }
  constexpr std::uint16_t kErspan = 0x88be;
  constexpr std::uint16_t kErspan3 = 0x22eb;
  if (type == kErspan) {
    // draft-foschiano-erspan: type I has neither sequence nor header.
    reader.skip(has_sequence ? 8 : 0);
    type = ether::kBridged;
  } else if (type == kErspan3) {
    reader.skip(11);
    const bool has_platform = (reader.u8() & 1) != 0;
    reader.skip(has_platform ? 8 : 0);
    type = ether::kBridged;
  }
  return rest_as(reader, type);
}

// RFC 7348; the flag says that there is a network identifier.
std::optional<Inside> vxlan(Bytes payload) {
  ByteReader reader{payload};
  const std::uint8_t flags = reader.u8();
  reader.skip(7);
  if ((flags & 0x08) == 0) {
    return std::nullopt;
  }
  return rest_as(reader, ether::kBridged);
}

// RFC 8926, section 3.4.
std::optional<Inside> geneve(Bytes payload) {
  ByteReader reader{payload};
  const std::uint8_t version_and_length = reader.u8();
  reader.skip(1);
  const std::uint16_t type = reader.u16();
  reader.skip(4);
  reader.skip(std::size_t{version_and_length & 0x3fU} * 4);
  if (version_and_length >> 6 != 0) {
    return std::nullopt;
  }
  return rest_as(reader, type);
}

// 3GPP TS 29.281, section 5.1: version 1, and message type 255, which carries a user's packet.
std::optional<Inside> gtp_u(Bytes payload) {
  ByteReader reader{payload};
  const std::uint8_t flags = reader.u8();
  const std::uint8_t message = reader.u8();
  reader.skip(6);  // length, tunnel
  if ((flags & 0xf0) != 0x30 || message != 255) {
    return std::nullopt;
  }
  if ((flags & 0x07) != 0) {
    reader.skip(3);  // sequence, N-PDU
    std::uint8_t next = reader.u8();
    while (reader.ok() && next != 0 && (flags & 0x04) != 0) {
      const std::size_t units = reader.u8();
      if (units == 0) {
        return std::nullopt;
      }
      reader.skip(units * 4 - 2);
      next = reader.u8();
    }
  }
  return ip_by_version(reader);
}

// RFC 4380, section 5.1.1: an authentication and an origin header may come before IPv6.
std::optional<Inside> teredo(Bytes payload) {
  ByteReader reader{payload};
  if (payload.size() >= 4 && payload[0] == 0 && payload[1] == 1) {
    reader.skip(2);
    const std::size_t id = reader.u8();
    const std::size_t value = reader.u8();
    reader.skip(id + value + 9);
  }
  ByteReader peek = reader;
  if (peek.u16() == 0) {
    reader.skip(8);
  }
  const Bytes rest = reader.take(reader.remaining());
  if (!reader.ok() || rest.size() < 40 || rest[0] >> 4 != 6) {
    return std::nullopt;
  }
  return Inside{ether::kIpv6, rest};
}

// RFC 2661, section 3.1: data messages of version 2 carry PPP.
std::optional<Inside> l2tp(Bytes payload) {
  ByteReader reader{payload};
  const std::uint16_t flags = reader.u16();
  if ((flags & 0x8000) != 0 || (flags & 0x000f) != 2) {
    return std::nullopt;
  }
  reader.skip((flags & 0x4000) != 0 ? 2 : 0);  // length
  reader.skip(4);                              // tunnel, session
  reader.skip((flags & 0x0800) != 0 ? 4 : 0);  // sequence
  if ((flags & 0x0200) != 0) {
    const std::size_t offset = reader.u16();
    reader.skip(offset);
  }
  return rest_as(reader, ether::kPpp);
}

}  // namespace

std::optional<Inside> open_ip_tunnel(std::uint8_t protocol, Bytes payload) {
  ByteReader reader{payload};
  switch (protocol) {
    case kIpInIp:
      return rest_as(reader, ether::kIpv4);
    case kIpv6InIp:
      return rest_as(reader, ether::kIpv6);
    case kGre:
      return gre(payload);
    case kMplsInIp:
      return rest_as(reader, ether::kMpls);
    case kEtherIp:
      reader.skip(2);  // RFC 3378, section 3
      return rest_as(reader, ether::kBridged);
    default:
      return std::nullopt;
  }
}

std::optional<Inside> open_udp_tunnel(std::uint16_t port, Bytes payload) {
  switch (port) {
    case 4789:
    case 8472:  // Linux, before there was a number
      return vxlan(payload);
    case 6081:
      return geneve(payload);
    case 2152:
      return gtp_u(payload);
    case 3544:
      return teredo(payload);
    case 1701:
      return l2tp(payload);
    default:
      return std::nullopt;
  }
}

}  // namespace gnomon
