#include <algorithm>
#include <string>
#include <vector>

#include "agent/decode/decoder.h"
#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/agent/decode/decode_bench.h"

namespace gnomon {
namespace {

using testing::Buffer;
using testing::DecodeBench;
using testing::ethernet;
using testing::ipv4;
using testing::ipv6;
using testing::join;
using testing::kIpv4;
using testing::kIpv6;
using testing::kSegment;
using testing::kTcp;
using testing::kText;
using testing::kUdp;
using testing::kWords;
using testing::number16;
using testing::tcp;
using testing::udp;

// Wrapped is an IP packet in some link layer.
struct Wrapped {
  const char* name;
  std::uint32_t link_type;
  Buffer bytes;
};

std::vector<Wrapped> wrappings(bool v6) {
  const Buffer& ip = v6 ? kIpv6 : kIpv4;
  const std::uint16_t type = v6 ? 0x86dd : 0x0800;
  const Buffer ether = number16(type);
  const auto tagged = [&](std::uint16_t tag, const Buffer& inner_type, Bytes inner) {
    return ethernet(tag, join({number16(0x0064), inner_type, inner}));
  };
  const Buffer vlan = join({number16(0x0064), ether, ip});
  const Buffer two = join({number16(0x0064), number16(0x8100), vlan});
  const Buffer ppp_protocol = number16(v6 ? 0x0057 : 0x0021);
  const Buffer pppoe = join({Buffer{0x11, 0x00, 0x00, 0x01, 0x00, 0x00}, ppp_protocol, ip});
  const Buffer label{0x00, 0x01, 0x00, 0x40};
  const Buffer bottom{0x00, 0x01, 0x01, 0x40};
  const Buffer sll = join({Buffer(14, 0), ether, ip});
  const Buffer sll2 = join({ether, Buffer(18, 0), ip});
  const Buffer snap = join({Buffer{0xaa, 0xaa, 0x03, 0, 0, 0}, ether, ip});
  const Buffer wifi = join({Buffer{0x08, 0x01}, Buffer(22, 0), snap});
  const Buffer qos = join({Buffer{0x88, 0x02}, Buffer(22, 0), Buffer{0, 0}, snap});
  const Buffer bridge = join({Buffer{0x08, 0x03}, Buffer(28, 0), snap});
  const std::uint8_t family = v6 ? 30 : 2;
  return {
      {"ethernet", 1, ethernet(type, ip)},
      {"ethernet with padding", 1, join({ethernet(type, ip), Buffer(30, 0)})},
      {"802.3 with SNAP", 1, ethernet(static_cast<std::uint16_t>(snap.size()), snap)},
      {"802.1Q", 1, ethernet(0x8100, vlan)},
      {"802.1ad", 1, tagged(0x88a8, number16(0x8100), vlan)},
      {"0x9100", 1, tagged(0x9100, number16(0x8100), vlan)},
      {"two 0x8100", 1, tagged(0x8100, number16(0x8100), vlan)},
      {"three tags", 1, tagged(0x8100, number16(0x8100), two)},
      {"PPPoE", 1, ethernet(0x8864, pppoe)},
      {"PPPoE in a VLAN", 1, ethernet(0x8100, join({number16(3), number16(0x8864), pppoe}))},
      {"MPLS", 1, ethernet(0x8847, join({bottom, ip}))},
      {"three labels", 1, ethernet(0x8847, join({label, label, bottom, ip}))},
      {"MPLS with a pseudowire", 1,
       ethernet(0x8847, join({bottom, Buffer{0, 0, 0, 0}, ethernet(type, ip)}))},
      {"SLL", 113, sll},
      {"SLL with a VLAN", 113, join({Buffer(14, 0), number16(0x8100), vlan})},
      {"SLL2", 276, sll2},
      {"SLL2 with a VLAN", 276, join({number16(0x8100), Buffer(18, 0), vlan})},
      {"NULL, little-endian", 0, join({Buffer{family, 0, 0, 0}, ip})},
      {"NULL, big-endian", 0, join({Buffer{0, 0, 0, family}, ip})},
      {"LOOP", 108, join({Buffer{0, 0, 0, family}, ip})},
      {"RAW 101", 101, ip},
      {"RAW 12", 12, ip},
      {"RAW 14", 14, ip},
      {"IPV4 or IPV6", v6 ? 229U : 228U, ip},
      {"PPP", 9, join({ppp_protocol, ip})},
      {"PPP with HDLC", 9, join({Buffer{0xff, 0x03}, ppp_protocol, ip})},
      {"PPP with a short protocol", 9,
       join({Buffer{static_cast<std::uint8_t>(v6 ? 0x57 : 0x21)}, ip})},
      {"PPP_HDLC", 50, join({Buffer{0xff, 0x03}, ppp_protocol, ip})},
      {"Cisco HDLC", 104, join({Buffer{0x0f, 0x00}, ether, ip})},
      {"Cisco HDLC as PPP_HDLC", 50, join({Buffer{0x0f, 0x00}, ether, ip})},
      {"Cisco HDLC as NULL", 0, join({Buffer{0x0f, 0x00}, ether, ip})},
      {"a security group tag", 1, ethernet(0x8909, join({Buffer{1, 1, 0, 1, 0, 2}, ether, ip}))},
      {"PPPoE alone", 51, pppoe},
      {"802.11", 105, wifi},
      {"802.11 with QoS", 105, qos},
      {"802.11 between access points", 105, bridge},
      {"radiotap", 127, join({Buffer{0, 0, 12, 0, 0, 0, 0, 0, 1, 2, 3, 4}, wifi})},
      {"prism", 119, join({Buffer{0x44, 0, 0, 0, 16, 0, 0, 0}, Buffer(8, 0), wifi})},
      {"PPI", 192, join({Buffer{0, 0, 8, 0, 1, 0, 0, 0}, ethernet(type, ip)})},
      {"NFLOG", 239,
       join({Buffer{static_cast<std::uint8_t>(v6 ? 10 : 2), 0, 0, 0, 5, 0, 8, 0, 1, 0, 0, 0},
             Buffer{static_cast<std::uint8_t>(ip.size() + 4), 0, 9, 0}, ip})},
  };
}

}  // namespace

TEST_CASE("Decoder: every link layer gives the same datagram", "[agent][decode]") {
  for (const bool v6 : {false, true}) {
    for (const Wrapped& wrapped : wrappings(v6)) {
      CAPTURE(wrapped.name, v6);
      DecodeBench f;
      REQUIRE(f.decode(wrapped.bytes, wrapped.link_type) == DecodeOutcome::datagram);
      CHECK(f.text() == kText);
      CHECK(f.datagram.transport == Transport::tcp);
      CHECK(f.datagram.source.port == 50000);
      CHECK(f.datagram.destination.port == 443);
      CHECK(f.datagram.source.address ==
            (v6 ? testing::ipv6_address(1) : testing::ipv4_address(1)));
      CHECK(f.datagram.destination.address ==
            (v6 ? testing::ipv6_address(2) : testing::ipv4_address(2)));
      CHECK(f.datagram.tcp_sequence == 1000);
      CHECK(f.datagram.tcp_flags == TcpFlags::kAck);
      CHECK(f.datagram.missing == 0);
      CHECK_FALSE(f.datagram.tunnelled);
    }
  }
}

TEST_CASE("Decoder: no prefix and no changed byte of any link layer does harm", "[agent][decode]") {
  DecodeBench f;
  std::size_t packets = 0;
  for (const bool v6 : {false, true}) {
    for (const Wrapped& wrapped : wrappings(v6)) {
      CAPTURE(wrapped.name, v6);
      for (std::size_t size = 0; size < wrapped.bytes.size(); ++size) {
        // A copy of exactly this size, so that a sanitizer sees a read behind its end.
        const Buffer prefix{wrapped.bytes.begin(),
                            wrapped.bytes.begin() + static_cast<std::ptrdiff_t>(size)};
        if (f.decode(prefix, wrapped.link_type) == DecodeOutcome::datagram) {
          CHECK(f.datagram.payload.size() + f.datagram.missing <= kWords.size());
        }
        ++packets;
      }
      for (std::size_t at = 0; at < wrapped.bytes.size(); ++at) {
        for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
          Buffer changed = wrapped.bytes;
          changed[at] = value;
          f.decode(changed, wrapped.link_type);
          ++packets;
        }
      }
    }
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kDecodeOutcomes; ++i) {
    sum += f.counters.value("decode_packets_total{outcome=\"" +
                            std::string{to_string(static_cast<DecodeOutcome>(i))} + "\"}");
  }
  CHECK(sum == static_cast<std::int64_t>(packets));
}

TEST_CASE("Decoder: the short way says what the long way says", "[agent][decode]") {
  Counters counters;
  Decoder decoder{counters};
  Decoder other{counters};  // fragments of its own
  std::size_t short_ones = 0;
  const auto compare = [&](const Buffer& bytes, std::uint32_t wire_size) {
    Packet packet = testing::packet_of(bytes, 1);
    packet.wire_size = wire_size;
    Datagram datagram;
    Datagram again;
    const DecodeOutcome outcome = decoder.decode(packet, datagram);
    REQUIRE(outcome == other.decode_anew(packet, again));
    if (outcome != DecodeOutcome::datagram) {
      return;
    }
    REQUIRE(datagram.source == again.source);
    REQUIRE(datagram.destination == again.destination);
    REQUIRE(datagram.transport == again.transport);
    REQUIRE(datagram.tcp_flags == again.tcp_flags);
    REQUIRE(datagram.tcp_sequence == again.tcp_sequence);
    REQUIRE(datagram.missing == again.missing);
    REQUIRE(datagram.tunnelled == again.tunnelled);
    REQUIRE(datagram.payload.data() == again.payload.data());
    REQUIRE(datagram.payload.size() == again.payload.size());
    ++short_ones;
  };
  const Buffer padding(9, 0);
  for (const Buffer& frame :
       {ethernet(0x0800, kIpv4), join({ethernet(0x0800, kIpv4), padding}),
        ethernet(0x0800, ipv4(kUdp, udp(50000, 443, kWords))),
        join({ethernet(0x0800, ipv4(kUdp, udp(50000, 4789, kWords))), padding})}) {
    for (std::size_t size = 0; size <= frame.size(); ++size) {
      const Buffer prefix{frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)};
      compare(prefix, static_cast<std::uint32_t>(frame.size()));
    }
    for (std::size_t at = 0; at < std::min<std::size_t>(frame.size(), 60); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Buffer changed = frame;
        changed[at] = static_cast<std::uint8_t>(value);
        compare(changed, static_cast<std::uint32_t>(frame.size()));
      }
    }
  }
  CHECK(short_ones > 10'000);
}

TEST_CASE("Decoder: what is no datagram has its reason", "[agent][decode]") {
  DecodeBench f;
  CHECK(f.decode(ethernet(0x0806, Buffer(28, 0))) == DecodeOutcome::not_ip);
  CHECK(f.decode(kIpv4, 147) == DecodeOutcome::unknown_link);
  CHECK(f.decode(Buffer(7, 0)) == DecodeOutcome::truncated);
  CHECK(f.decode(Buffer{}) == DecodeOutcome::truncated);
  CHECK(f.decode(ethernet(0x0800, ipv4(1, Buffer(8, 0)))) == DecodeOutcome::other_transport);
  CHECK(f.decode(ethernet(0x0800, Buffer(20, 0x50))) == DecodeOutcome::bad_ip);
  CHECK(f.decode(ethernet(0x0800, ipv4(kTcp, Buffer(10, 0)))) == DecodeOutcome::bad_transport);
  CHECK(f.decode(ethernet(0x0800, ipv4(kUdp, udp(1, 2, kWords, 7)))) ==
        DecodeOutcome::bad_transport);
  // 802.11: protected data, and a beacon.
  CHECK(f.decode(join({Buffer{0x08, 0x41}, Buffer(40, 0)}), 105) == DecodeOutcome::encrypted_link);
  CHECK(f.decode(join({Buffer{0x80, 0x00}, Buffer(40, 0)}), 105) == DecodeOutcome::no_data_link);
}

TEST_CASE("Decoder: IPv4 options and TCP options are stepped over", "[agent][decode]") {
  DecodeBench f;
  const Buffer segment = tcp(1, 2, kWords, {5, TcpFlags::kSyn, Buffer(20, 1)});
  REQUIRE(f.decode(ethernet(0x0800, ipv4(kTcp, segment, {7, 0, Buffer(40, 1), -1}))) ==
          DecodeOutcome::datagram);
  CHECK(f.text() == kText);
}

TEST_CASE("Decoder: IPv6 extension headers are stepped over", "[agent][decode]") {
  DecodeBench f;
  const Buffer hop{60, 0, 1, 4, 0, 0, 0, 0};
  const Buffer destination{43, 1, 1, 4, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0};
  const Buffer routing{51, 0, 0, 0, 0, 0, 0, 0};
  const Buffer authentication{44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const Buffer whole_fragment{kTcp, 0, 0, 0, 0, 0, 0, 1};
  const Buffer all = join({hop, destination, routing, authentication, whole_fragment, kSegment});
  REQUIRE(f.decode(ethernet(0x86dd, ipv6(0, all))) == DecodeOutcome::datagram);
  CHECK(f.text() == kText);
  Buffer many;
  for (int i = 0; i < 40; ++i) {
    many = join({many, Buffer{60, 0, 1, 4, 0, 0, 0, 0}});
  }
  CHECK(f.decode(ethernet(0x86dd, ipv6(60, many))) == DecodeOutcome::bad_ip);
  CHECK(f.decode(ethernet(0x86dd, ipv6(60, Buffer{6, 9, 0, 0, 0, 0, 0, 0}))) ==
        DecodeOutcome::bad_ip);
}

TEST_CASE("Decoder: a frame that the card will cut up has no length yet", "[agent][decode]") {
  DecodeBench f;
  Buffer large(40000, 0x61);
  const Buffer segment = tcp(50000, 443, large);
  REQUIRE(f.decode(ethernet(0x0800, ipv4(kTcp, segment, {7, 0, {}, 0}))) ==
          DecodeOutcome::datagram);
  CHECK(f.datagram.payload.size() == large.size());
  REQUIRE(f.decode(ethernet(0x86dd, ipv6(kTcp, segment, 0))) == DecodeOutcome::datagram);
  CHECK(f.datagram.payload.size() == large.size());
  REQUIRE(f.decode(ethernet(0x0800, ipv4(kUdp, udp(1, 2, kWords, 0)))) == DecodeOutcome::datagram);
  CHECK(f.text() == kText);
}

TEST_CASE("Decoder: what the snaplen cut off is told", "[agent][decode]") {
  DecodeBench f;
  const Buffer whole = ethernet(0x0800, kIpv4);
  REQUIRE(f.decode(Bytes{whole}.first(whole.size() - 10)) == DecodeOutcome::datagram);
  CHECK(f.datagram.missing == 10);
  CHECK(f.datagram.payload.size() == kWords.size() - 10);
  const Buffer datagram = ethernet(0x86dd, ipv6(kUdp, udp(1, 2, kWords)));
  REQUIRE(f.decode(Bytes{datagram}.first(datagram.size() - 4)) == DecodeOutcome::datagram);
  CHECK(f.datagram.missing == 4);
  // Inside the TCP header there is nothing to be had.
  CHECK(f.decode(Bytes{whole}.first(14 + 20 + 12)) == DecodeOutcome::truncated);
}

TEST_CASE("Decoder: data in a SYN begin behind a Fast Open cookie that overruns the header",
          "[agent][decode]") {
  DecodeBench f;
  const auto syn_with = [&](Buffer options, Bytes behind) {
    return ipv4(kTcp, join({tcp(50000, 443, behind, {1000, TcpFlags::kSyn, std::move(options)})}));
  };
  const Buffer mss = {2, 4, 5, 0xb4};
  const Buffer cookie = {34, 10, 1, 2, 3, 4, 5, 6};
  const Buffer overrun = join({Buffer{7, 8}, kWords});
  REQUIRE(f.decode(syn_with(join({mss, cookie}), overrun), 101) == DecodeOutcome::datagram);
  CHECK(f.text() == kText);
  const Buffer padded = {34, 6, 1, 2, 3, 4, 1, 1};
  REQUIRE(f.decode(syn_with(padded, kWords), 101) == DecodeOutcome::datagram);
  CHECK(f.text() == kText);
  // Any other option that overruns, or a cookie beyond its longest, moves nothing.
  for (const Buffer& odd : {Buffer{8, 10, 1, 2}, Buffer{34, 40, 1, 2}, Buffer{34, 1, 1, 1},
                            Buffer{0, 34, 10, 1}, Buffer{1, 1, 1, 34}}) {
    REQUIRE(f.decode(syn_with(odd, kWords), 101) == DecodeOutcome::datagram);
    CHECK(f.text() == kText);
  }
}

}  // namespace gnomon
