// Datagram: what the decode room yields, one TCP segment or UDP datagram.

#pragma once

#include <cstdint>

#include "core/byte_reader.h"
#include "core/clock.h"
#include "core/ip_address.h"

namespace gnomon {

enum class Transport : std::uint8_t { tcp, udp };

// TcpFlags are the bits of RFC 9293, section 3.1.
struct TcpFlags {
  static constexpr std::uint8_t kFin = 0x01;
  static constexpr std::uint8_t kSyn = 0x02;
  static constexpr std::uint8_t kRst = 0x04;
  static constexpr std::uint8_t kPsh = 0x08;
  static constexpr std::uint8_t kAck = 0x10;
};

// Datagram is borrowed: the payload lies in the packet, or in the fragment table when it was put
// together from IP fragments, and is good until the next packet is decoded.
struct Datagram {
  WallTime when;
  Endpoint source;
  Endpoint destination;
  Transport transport = Transport::udp;
  std::uint8_t tcp_flags = 0;      // TcpFlags; 0 for UDP
  std::uint32_t tcp_sequence = 0;  // of the first payload byte's segment header; 0 for UDP
  std::uint32_t interface = 0;
  std::uint32_t missing = 0;  // payload bytes that were on the wire but cut by the snaplen
  bool tunnelled = false;     // inside GRE, VXLAN, GENEVE, IP-in-IP ...
  Bytes payload;
};

}  // namespace gnomon
