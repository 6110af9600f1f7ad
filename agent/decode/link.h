// What stands before the IP header: link layers, tags and labels.

#pragma once

#include <cstdint>

#include "core/byte_reader.h"

namespace gnomon {

// EtherTypes this room knows (IEEE 802 Numbers registry, IANA), and two of our own making.
namespace ether {
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kVlan = 0x8100;
constexpr std::uint16_t kServiceVlan = 0x88a8;     // 802.1ad
constexpr std::uint16_t kOldServiceVlan = 0x9100;  // before 802.1ad
constexpr std::uint16_t kOtherOldServiceVlan = 0x9200;
constexpr std::uint16_t kMpls = 0x8847;
constexpr std::uint16_t kMplsMulticast = 0x8848;
constexpr std::uint16_t kCiscoMetaData = 0x8909;  // TrustSec: a security group tag
constexpr std::uint16_t kPppoeSession = 0x8864;
constexpr std::uint16_t kPpp = 0x880b;
constexpr std::uint16_t kBridged = 0x6558;  // a whole Ethernet frame
// Up to this it is the length of an 802.3 frame and LLC follows.
constexpr std::uint16_t kMaxLength = 1500;
// Not in the registry: IP of the version that its own first nibble says.
constexpr std::uint16_t kAnyIp = 0xffff;
// Not in the registry: an LLC header (the value is that of a length).
constexpr std::uint16_t kLlc = 0;
}  // namespace ether

// LinkResult is what lies behind a link header.
struct LinkResult {
  enum class Kind : std::uint8_t { next, truncated, encrypted, no_data, unknown };

  Kind kind = Kind::next;
  std::uint16_t type = 0;  // EtherType of `rest`, or one of ether:: above
  Bytes rest;
};

// strip_link removes the header of a packet of the given LINKTYPE_
// (https://www.tcpdump.org/linktypes.html).
LinkResult strip_link(std::uint32_t link_type, Bytes packet);

// strip_shim removes one tag, label stack or session header behind the link header: VLAN, MPLS,
// PPPoE, PPP, LLC, a bridged frame, a security group tag. `unknown` for every other type.
LinkResult strip_shim(std::uint16_t type, Bytes bytes);

}  // namespace gnomon
