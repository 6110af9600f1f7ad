// Tunnels: what lies inside an IP protocol or a UDP datagram that carries packets.

#pragma once

#include <cstdint>
#include <optional>

#include "core/byte_reader.h"

namespace gnomon {

// Inside is a packet found in another one.
struct Inside {
  std::uint16_t type = 0;  // EtherType, as in link.h
  Bytes bytes;
};

// open_ip_tunnel looks into the payload of an IP protocol: GRE, IP in IP, 6in4, MPLS, EtherIP.
// Nothing when the protocol carries no packets or its header is broken.
std::optional<Inside> open_ip_tunnel(std::uint8_t protocol, Bytes payload);

// may_be_udp_tunnel tells whether a port is one that open_udp_tunnel knows.
constexpr bool may_be_udp_tunnel(std::uint16_t port) {
  return port == 4789 || port == 8472 || port == 6081 || port == 2152 || port == 3544 ||
         port == 1701;
}

// open_udp_tunnel looks into a UDP payload sent to or from `port`: VXLAN, GENEVE, GTP-U, Teredo,
// L2TP. Nothing when it is none.
std::optional<Inside> open_udp_tunnel(std::uint16_t port, Bytes payload);

}  // namespace gnomon
