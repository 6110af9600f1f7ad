// A decoder, and the packet that every test of it wraps, cuts or sends through a tunnel.

#pragma once

#include <cstdint>
#include <string>

#include "agent/decode/decoder.h"
#include "core/counters.h"
#include "tests/support/packet_builder.h"

namespace gnomon::testing {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

inline const Buffer kWords = bytes_of("the payload of this packet");

// number16 is a number as it stands in headers.
inline Buffer number16(std::uint16_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

// DecodeBench decodes one packet after the other.
struct DecodeBench {
  Counters counters;
  Decoder decoder{counters};
  Datagram datagram;
  Buffer packet;

  DecodeOutcome decode(Bytes bytes, std::uint32_t link_type = 1) {
    // A copy of exactly this size, which outlives the datagram: a sanitizer sees a read behind it.
    Buffer{bytes.begin(), bytes.end()}.swap(packet);
    return decoder.decode(packet_of(packet, link_type), datagram);
  }
  std::string text() const { return {datagram.payload.begin(), datagram.payload.end()}; }
};

inline const std::string kText{kWords.begin(), kWords.end()};

// What every encapsulation below carries.
inline const Buffer kSegment = tcp(50000, 443, kWords);
inline const Buffer kIpv4 = ipv4(kTcp, kSegment);
inline const Buffer kIpv6 = ipv6(kTcp, kSegment);

}  // namespace gnomon::testing
