#include <array>
#include <vector>

#include "agent/decode/decoder.h"
#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/agent/decode/decode_bench.h"

namespace gnomon {

using testing::Buffer;
using testing::DecodeBench;
using testing::ethernet;
using testing::ipv4;
using testing::ipv6;
using testing::join;
using testing::kIpv4;
using testing::kIpv6;
using testing::kText;
using testing::kUdp;
using testing::kWords;
using testing::udp;

TEST_CASE("Decoder: tunnels are followed and marked", "[agent][decode]") {
  const Buffer frame = ethernet(0x0800, kIpv4);
  const Buffer vxlan = join({Buffer{0x08, 0, 0, 0, 0, 0, 1, 0}, frame});
  const Buffer geneve = join({Buffer{0x01, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 4}, frame});
  const Buffer gtp = join({Buffer{0x34, 255, 0, 99, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0}, kIpv4});
  const Buffer teredo = join({Buffer{0, 0, 1, 2, 3, 4, 5, 6}, kIpv6});
  const Buffer l2tp = join({Buffer{0, 2, 0, 1, 0, 2, 0xff, 0x03, 0x00, 0x21}, kIpv4});
  struct Case {
    const char* name;
    Buffer bytes;
  };
  const std::vector<Case> cases = {
      {"GRE", ipv4(47, join({Buffer{0, 0, 0x08, 0x00}, kIpv4}))},
      {"GRE with checksum, key and sequence",
       ipv4(47, join({Buffer{0xb0, 0, 0x86, 0xdd}, Buffer(12, 0), kIpv6}))},
      {"GRE with Ethernet", ipv6(47, join({Buffer{0, 0, 0x65, 0x58}, frame}))},
      {"GRE with PPP",
       ipv4(47, join({Buffer{0x30, 0x81, 0x88, 0x0b}, Buffer(12, 0), Buffer{0x21}, kIpv4}))},
      {"ERSPAN", ipv4(47, join({Buffer{0x10, 0, 0x88, 0xbe}, Buffer(12, 0), frame}))},
      {"IP in IP", ipv4(4, kIpv4)},
      {"6in4", ipv4(41, kIpv6)},
      {"4in6", ipv6(4, kIpv4)},
      {"EtherIP", ipv4(97, join({Buffer{0x30, 0}, frame}))},
      {"MPLS in IP", ipv4(137, join({Buffer{0, 1, 1, 64}, kIpv4}))},
      {"VXLAN", ipv4(kUdp, udp(40000, 4789, vxlan))},
      {"GENEVE", ipv6(kUdp, udp(40000, 6081, geneve))},
      {"GTP-U", ipv4(kUdp, udp(2152, 2152, gtp))},
      {"Teredo", ipv4(kUdp, udp(3544, 50000, teredo))},
      {"L2TP", ipv4(kUdp, udp(1701, 1701, l2tp))},
      {"GRE in VXLAN",
       ipv4(kUdp, udp(40000, 4789,
                      join({Buffer{0x08, 0, 0, 0, 0, 0, 1, 0},
                            ethernet(0x0800, ipv4(47, join({Buffer{0, 0, 8, 0}, kIpv4})))})))},
  };
  for (const Case& one : cases) {
    CAPTURE(one.name);
    DecodeBench f;
    REQUIRE(f.decode(one.bytes, 101) == DecodeOutcome::datagram);
    CHECK(f.text() == kText);
    CHECK(f.datagram.tunnelled);
    CHECK(f.datagram.destination.port == 443);
    // Neither prefixes nor changed bytes do harm.
    for (std::size_t size = 0; size < one.bytes.size(); ++size) {
      const Buffer prefix{one.bytes.begin(), one.bytes.begin() + static_cast<std::ptrdiff_t>(size)};
      f.decode(prefix, 101);
    }
    for (std::size_t at = 0; at < one.bytes.size(); ++at) {
      Buffer changed = one.bytes;
      changed[at] = 0xff;
      f.decode(changed, 101);
      changed[at] = 0;
      f.decode(changed, 101);
    }
  }
}

TEST_CASE("Decoder: a UDP tunnel's port without a tunnel is plain UDP", "[agent][decode]") {
  DecodeBench f;
  constexpr std::array<std::uint16_t, 5> kPorts = {4789, 6081, 2152, 3544, 1701};
  for (const std::uint16_t port : kPorts) {
    CAPTURE(port);
    REQUIRE(f.decode(ipv4(kUdp, udp(40000, port, kWords)), 101) == DecodeOutcome::datagram);
    CHECK(f.text() == kText);
    CHECK_FALSE(f.datagram.tunnelled);
    CHECK(f.datagram.destination.port == port);
  }
  // VXLAN's header, but only ARP in it.
  const Buffer arp = join({Buffer{0x08, 0, 0, 0, 0, 0, 1, 0}, ethernet(0x0806, Buffer(28, 0))});
  REQUIRE(f.decode(ipv4(kUdp, udp(40000, 4789, arp)), 101) == DecodeOutcome::datagram);
  CHECK(f.datagram.destination.port == 4789);
}

TEST_CASE("Decoder: tunnels nest only so deep", "[agent][decode]") {
  DecodeBench f;
  Buffer packet = kIpv4;
  for (unsigned i = 0; i < Decoder::kMaxTunnels; ++i) {
    packet = ipv4(4, packet);
  }
  CHECK(f.decode(packet, 101) == DecodeOutcome::datagram);
  packet = ipv4(4, packet);
  CHECK(f.decode(packet, 101) == DecodeOutcome::too_deep);
}

}  // namespace gnomon
