#include "agent/decode/link.h"

#include <algorithm>

#include "core/fixed_fields.h"

namespace gnomon {
namespace {

using Kind = LinkResult::Kind;

// LINKTYPE_ values, https://www.tcpdump.org/linktypes.html
constexpr std::uint32_t kNull = 0;
constexpr std::uint32_t kEthernet = 1;
constexpr std::uint32_t kPpp = 9;
constexpr std::uint32_t kRawBsd = 12;  // DLT_RAW of most systems, written by some as it is
constexpr std::uint32_t kRawOpenBsd = 14;
constexpr std::uint32_t kPppHdlc = 50;
constexpr std::uint32_t kPppEther = 51;
constexpr std::uint32_t kRaw = 101;
constexpr std::uint32_t kCiscoHdlc = 104;
constexpr std::uint32_t kWifi = 105;
constexpr std::uint32_t kLoop = 108;
constexpr std::uint32_t kEnc = 109;
constexpr std::uint32_t kLinuxSll = 113;
constexpr std::uint32_t kPrism = 119;
constexpr std::uint32_t kRadiotap = 127;
constexpr std::uint32_t kAvs = 163;
constexpr std::uint32_t kPppWithDirection = 204;
constexpr std::uint32_t kIpv4 = 228;
constexpr std::uint32_t kIpv6 = 229;
constexpr std::uint32_t kNflog = 239;
constexpr std::uint32_t kPpi = 192;
constexpr std::uint32_t kLinuxSll2 = 276;

LinkResult done(const ByteReader& reader, std::uint16_t type, Bytes rest) {
  if (!reader.ok()) {
    return {Kind::truncated, 0, {}};
  }
  return {Kind::next, type, rest};
}

LinkResult ethernet(Bytes bytes) {
  if (bytes.size() < 14) {
    return {Kind::truncated, 0, {}};
  }
  return {Kind::next, be16<12>(bytes.first<14>()), bytes.subspan(14)};
}

// RFC 1661 and RFC 1662: HDLC's address and control may stand there or not, and the protocol has
// one byte when it was compressed.
LinkResult ppp(Bytes bytes) {
  ByteReader reader{bytes};
  if (bytes.size() >= 2 && bytes[0] == 0xff && bytes[1] == 0x03) {
    reader.skip(2);
  }
  std::uint16_t protocol = reader.u8();
  if ((protocol & 1) == 0) {
    protocol = static_cast<std::uint16_t>((protocol << 8) | reader.u8());
  }
  const Bytes rest = reader.take(reader.remaining());
  switch (protocol) {
    case 0x0021:
      return done(reader, ether::kIpv4, rest);
    case 0x0057:
      return done(reader, ether::kIpv6, rest);
    case 0x0281:
      return done(reader, ether::kMpls, rest);
    case 0x0031:
      // RFC 3518, section 4.1, without the options: flags, type (1 is Ethernet), then the frame.
      return rest.size() > 2 && rest[1] == 1
                 ? LinkResult{Kind::next, ether::kBridged, rest.subspan(2)}
                 : LinkResult{Kind::unknown, 0, {}};
    default:
      return reader.ok() ? LinkResult{Kind::unknown, 0, {}} : LinkResult{Kind::truncated, 0, {}};
  }
}

// IEEE 802.2 with SNAP, or the raw IP that LSAP 6 means.
LinkResult llc(Bytes bytes) {
  ByteReader reader{bytes};
  const std::uint16_t saps = reader.u16();
  const std::uint8_t control = reader.u8();
  if (saps == 0x0606 && control == 0x03) {
    return done(reader, ether::kIpv4, reader.take(reader.remaining()));
  }
  if (saps != 0xaaaa || control != 0x03) {
    return reader.ok() ? LinkResult{Kind::unknown, 0, {}} : LinkResult{Kind::truncated, 0, {}};
  }
  const std::uint32_t organisation = reader.u24();
  const std::uint16_t type = reader.u16();
  // 0: the type is an EtherType; 0x0000f8: the same, bridged between 802.3 and others.
  if (reader.ok() && organisation != 0 && organisation != 0x0000f8) {
    return {Kind::unknown, 0, {}};
  }
  return done(reader, type, reader.take(reader.remaining()));
}

// BSD's loopback header: an address family in the byte order of the machine that wrote it. The
// numbers for IPv6 differ between systems.
LinkResult bsd_loopback(Bytes bytes) {
  if (bytes.size() < 4) {
    return {Kind::truncated, 0, {}};
  }
  const std::uint32_t big = be32<0>(bytes.first<4>());
  const std::uint32_t little = le32<0>(bytes.first<4>());
  const std::uint32_t family = std::min(big, little);
  const Bytes rest = bytes.subspan(4);
  switch (family) {
    case 2:
      return {Kind::next, ether::kIpv4, rest};
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // macOS
      return {Kind::next, ether::kIpv6, rest};
    default:
      // Cisco's HDLC is met under this number too.
      return be16<0>(bytes.first<4>()) == 0x0f00
                 ? LinkResult{Kind::next, be16<2>(bytes.first<4>()), rest}
                 : LinkResult{Kind::unknown, 0, {}};
  }
}

// Cisco meta data (draft-smith-kandula-sxp, TrustSec inline tagging): version, how many options of
// four bytes, the options, then an EtherType.
LinkResult cisco_meta_data(Bytes bytes) {
  ByteReader reader{bytes};
  reader.skip(1);
  reader.skip(std::size_t{reader.u8()} * 4);
  const std::uint16_t type = reader.u16();
  return done(reader, type, reader.take(reader.remaining()));
}

// IEEE 802.11, section 9.2: a data frame that is not encrypted, then LLC.
LinkResult wifi(Bytes bytes) {
  ByteReader reader{bytes};
  const std::uint8_t control = reader.u8();
  const std::uint8_t flags = reader.u8();
  const unsigned type = (control >> 2) & 3U;
  const unsigned subtype = control >> 4;
  if (!reader.ok()) {
    return {Kind::truncated, 0, {}};
  }
  constexpr unsigned kDataFrame = 2;
  constexpr unsigned kNoDataBit = 4;
  constexpr unsigned kQosBit = 8;
  if (type != kDataFrame || (subtype & kNoDataBit) != 0) {
    return {Kind::no_data, 0, {}};
  }
  if ((flags & 0x40) != 0) {
    return {Kind::encrypted, 0, {}};
  }
  reader.skip(2 + 6 + 6 + 6 + 2);  // duration, three addresses, sequence
  if ((flags & 0x03) == 0x03) {
    reader.skip(6);  // between two access points: a fourth address
  }
  if ((subtype & kQosBit) != 0) {
    const std::uint8_t qos = reader.u8();
    reader.skip(1);
    if ((qos & 0x80) != 0) {
      return {Kind::unknown, 0, {}};  // several frames in one (A-MSDU)
    }
    if ((flags & 0x80) != 0) {
      reader.skip(4);  // HT control
    }
  }
  if (!reader.ok()) {
    return {Kind::truncated, 0, {}};
  }
  return llc(reader.take(reader.remaining()));
}

// https://www.radiotap.org: version, pad, length of the whole header, which is all we need.
LinkResult radiotap(Bytes bytes) {
  if (bytes.size() < 8) {
    return {Kind::truncated, 0, {}};
  }
  const std::size_t length = le16<2>(bytes.first<8>());
  if (length < 8 || length > bytes.size()) {
    return {Kind::truncated, 0, {}};
  }
  return wifi(bytes.subspan(length));
}

// Prism: two numbers in the writer's byte order, the second the length of the header. AVS headers
// come under the same link type and are big-endian.
LinkResult prism(Bytes bytes) {
  if (bytes.size() < 8) {
    return {Kind::truncated, 0, {}};
  }
  const auto head = bytes.first<8>();
  const std::uint32_t length = std::min(be32<4>(head), le32<4>(head));
  if (length < 8 || length > bytes.size()) {
    return {Kind::truncated, 0, {}};
  }
  return wifi(bytes.subspan(length));
}

// PPI: version, flags, length, the link type of what follows.
LinkResult ppi(Bytes bytes) {
  if (bytes.size() < 8) {
    return {Kind::truncated, 0, {}};
  }
  const std::size_t length = le16<2>(bytes.first<8>());
  const std::uint32_t inner = le32<4>(bytes.first<8>());
  if (length < 8 || length > bytes.size()) {
    return {Kind::truncated, 0, {}};
  }
  if (inner == kPpi) {
    return {Kind::unknown, 0, {}};
  }
  return strip_link(inner, bytes.subspan(length));
}

// NFLOG: family, version, resource, then fields of length, type and value, the payload last. The
// lengths are in the byte order of the machine that wrote them: the smaller reading is right.
LinkResult nflog(Bytes bytes) {
  constexpr std::uint16_t kPayload = 9;
  ByteReader reader{bytes};
  reader.skip(4);
  while (reader.remaining() >= 4) {
    const auto head = reader.take(4).first<4>();
    const bool little = le16<0>(head) <= be16<0>(head);
    const std::size_t length = little ? le16<0>(head) : be16<0>(head);
    const std::uint16_t type = (little ? le16<2>(head) : be16<2>(head)) & 0x7fff;
    if (length < 4) {
      return {Kind::truncated, 0, {}};
    }
    const Bytes value = reader.take(std::min(length - 4, reader.remaining()));
    if (type == kPayload) {
      return {Kind::next, ether::kAnyIp, value};
    }
    reader.skip(std::min((4 - length % 4) % 4, reader.remaining()));
  }
  return {Kind::truncated, 0, {}};
}

LinkResult cisco_hdlc(Bytes bytes) {
  ByteReader reader{bytes};
  reader.skip(2);
  const std::uint16_t type = reader.u16();
  return done(reader, type, reader.take(reader.remaining()));
}

// RFC 3032: labels of four bytes up to the one with the bottom-of-stack bit. What follows is told
// by nobody; routers look at the first nibble, and so do we.
LinkResult mpls(Bytes bytes) {
  ByteReader reader{bytes};
  while (reader.ok()) {
    const std::uint32_t label = reader.u32();
    if ((label & 0x100) != 0) {
      break;
    }
  }
  const Bytes rest = reader.take(reader.remaining());
  if (!reader.ok() || rest.empty()) {
    return {Kind::truncated, 0, {}};
  }
  const unsigned nibble = rest[0] >> 4;
  if (nibble == 4 || nibble == 6) {
    return {Kind::next, ether::kAnyIp, rest};
  }
  // RFC 4385: a pseudowire's control word begins with zero; then a whole Ethernet frame.
  if (nibble == 0 && rest.size() > 4) {
    return {Kind::next, ether::kBridged, rest.subspan(4)};
  }
  return {Kind::next, ether::kBridged, rest};
}

// RFC 2516: version and type, code (0 for a session), session, length; then PPP.
LinkResult pppoe(Bytes bytes) {
  ByteReader reader{bytes};
  reader.skip(1);
  const std::uint8_t code = reader.u8();
  reader.skip(4);
  if (!reader.ok()) {
    return {Kind::truncated, 0, {}};
  }
  if (code != 0) {
    return {Kind::no_data, 0, {}};
  }
  return ppp(reader.take(reader.remaining()));
}

// Linux' own numbers below the EtherTypes: 4 means that an 802.2 header follows.
std::uint16_t sll_type(std::uint16_t protocol) {
  return protocol == 0x0004 ? ether::kLlc : protocol;
}

LinkResult linux_sll(Bytes bytes) {
  if (bytes.size() < 16) {
    return {Kind::truncated, 0, {}};
  }
  return {Kind::next, sll_type(be16<14>(bytes.first<16>())), bytes.subspan(16)};
}

LinkResult linux_sll2(Bytes bytes) {
  if (bytes.size() < 20) {
    return {Kind::truncated, 0, {}};
  }
  return {Kind::next, sll_type(be16<0>(bytes.first<20>())), bytes.subspan(20)};
}

LinkResult skip_then(std::size_t count, std::uint16_t type, Bytes bytes) {
  ByteReader reader{bytes};
  reader.skip(count);
  return done(reader, type, reader.take(reader.remaining()));
}

}  // namespace

LinkResult strip_link(std::uint32_t link_type, Bytes packet) {
  switch (link_type) {
    case kEthernet:
      return ethernet(packet);
    case kRaw:
    case kRawBsd:
    case kRawOpenBsd:
      return {Kind::next, ether::kAnyIp, packet};
    case kIpv4:
      return {Kind::next, ether::kIpv4, packet};
    case kIpv6:
      return {Kind::next, ether::kIpv6, packet};
    case kLinuxSll:
      return linux_sll(packet);
    case kLinuxSll2:
      return linux_sll2(packet);
    case kNull:
    case kLoop:
      return bsd_loopback(packet);
    case kEnc:  // address family, index, flags
      return skip_then(12, ether::kAnyIp, packet);
    case kPpp:
      return ppp(packet);
    case kPppHdlc:
      // Frames of Cisco's HDLC come under this number too.
      return !packet.empty() && (packet[0] == 0x0f || packet[0] == 0x8f) ? cisco_hdlc(packet)
                                                                         : ppp(packet);
    case kPppWithDirection:
      return skip_then(1, ether::kPpp, packet);
    case kPppEther:
      return pppoe(packet);
    case kCiscoHdlc:
      return cisco_hdlc(packet);
    case kWifi:
      return wifi(packet);
    case kRadiotap:
      return radiotap(packet);
    case kPrism:
    case kAvs:
      return prism(packet);
    case kPpi:
      return ppi(packet);
    case kNflog:
      return nflog(packet);
    default:
      return {Kind::unknown, 0, {}};
  }
}

LinkResult strip_shim(std::uint16_t type, Bytes bytes) {
  switch (type) {
    case ether::kVlan:
    case ether::kServiceVlan:
    case ether::kOldServiceVlan:
    case ether::kOtherOldServiceVlan:
      if (bytes.size() < 4) {
        return {Kind::truncated, 0, {}};
      }
      return {Kind::next, be16<2>(bytes.first<4>()), bytes.subspan(4)};
    case ether::kMpls:
    case ether::kMplsMulticast:
      return mpls(bytes);
    case ether::kCiscoMetaData:
      return cisco_meta_data(bytes);
    case ether::kPppoeSession:
      return pppoe(bytes);
    case ether::kPpp:
      return ppp(bytes);
    case ether::kBridged:
      return ethernet(bytes);
    default:
      return type <= ether::kMaxLength ? llc(bytes) : LinkResult{Kind::unknown, 0, {}};
  }
}

}  // namespace gnomon
