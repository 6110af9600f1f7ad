#include "agent/decode/decoder.h"

#include <algorithm>
#include <utility>

#include "agent/decode/ip_protocol.h"
#include "agent/decode/link.h"
#include "core/fixed_fields.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kLinkEthernet = 1;
constexpr std::size_t kEthernetBytes = 14;

constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;

constexpr std::array<std::string_view, kDecodeOutcomes> kWords = {"datagram",
                                                                  "unknown_link",
                                                                  "truncated",
                                                                  "encrypted_link",
                                                                  "no_data_link",
                                                                  "not_ip",
                                                                  "bad_ip",
                                                                  "other_transport",
                                                                  "bad_transport",
                                                                  "fragment_held",
                                                                  "fragment_duplicate",
                                                                  "fragment_overlap",
                                                                  "fragment_malformed",
                                                                  "too_deep"};

DecodeOutcome outcome_of(LinkResult::Kind kind, DecodeOutcome unknown) {
  switch (kind) {
    case LinkResult::Kind::truncated:
      return DecodeOutcome::truncated;
    case LinkResult::Kind::encrypted:
      return DecodeOutcome::encrypted_link;
    case LinkResult::Kind::no_data:
      return DecodeOutcome::no_data_link;
    case LinkResult::Kind::next:
    case LinkResult::Kind::unknown:
      break;
  }
  return unknown;
}

template <std::size_t At, std::size_t N>
void set_ipv4(IpAddress& address, FixedBytes<N> header) {
  address.bytes = {};
  std::copy_n(header.begin() + At, 4, address.bytes.begin());
  address.is_v4 = true;
}

template <std::size_t At, std::size_t N>
void set_ipv6(IpAddress& address, FixedBytes<N> header) {
  std::copy_n(header.begin() + At, 16, address.bytes.begin());
  address.is_v4 = false;
}

// fast_open_overrun tells by how many bytes the Fast Open cookie of a SYN (RFC 7413, section 2)
// reaches beyond the header's end. Some senders count the cookie but not its padding; their data
// begins behind it all the same.
std::size_t fast_open_overrun(Bytes options, std::size_t behind) {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNothing = 1;
  constexpr std::uint8_t kFastOpen = 34;
  constexpr std::size_t kLongestCookie = 18;
  ByteReader reader{options};
  while (!reader.empty()) {
    const std::uint8_t kind = reader.u8();
    if (kind == kEnd) {
      return 0;
    }
    if (kind == kNothing) {
      continue;
    }
    const std::size_t length = reader.u8();
    if (!reader.ok() || length < 2) {
      return 0;
    }
    if (length - 2 > reader.remaining()) {
      const std::size_t over = length - 2 - reader.remaining();
      return kind == kFastOpen && length <= kLongestCookie && over <= behind ? over : 0;
    }
    reader.skip(length - 2);
  }
  return 0;
}

DecodeOutcome read_tcp(Bytes bytes, std::uint32_t missing, Datagram& datagram) {
  if (bytes.size() < 20) {
    return missing > 0 ? DecodeOutcome::truncated : DecodeOutcome::bad_transport;
  }
  const auto header = bytes.first<20>();
  const std::size_t length = static_cast<std::size_t>(header[12] >> 4U) * 4;
  if (length < 20) {
    return DecodeOutcome::bad_transport;
  }
  if (length > bytes.size()) {
    return missing > 0 ? DecodeOutcome::truncated : DecodeOutcome::bad_transport;
  }
  datagram.transport = Transport::tcp;
  datagram.source.port = be16<0>(header);
  datagram.destination.port = be16<2>(header);
  datagram.tcp_sequence = be32<4>(header);
  datagram.tcp_flags = header[13];
  datagram.missing = missing;
  datagram.payload = bytes.subspan(length);
  if ((datagram.tcp_flags & TcpFlags::kSyn) != 0 && !datagram.payload.empty()) [[unlikely]] {
    const std::size_t over =
        fast_open_overrun(bytes.subspan(20, length - 20), datagram.payload.size());
    datagram.payload = datagram.payload.subspan(over);
  }
  return DecodeOutcome::datagram;
}

DecodeOutcome read_udp(Bytes bytes, std::uint32_t missing, Datagram& datagram) {
  if (bytes.size() < 8) {
    return missing > 0 ? DecodeOutcome::truncated : DecodeOutcome::bad_transport;
  }
  const auto header = bytes.first<8>();
  const std::size_t length = be16<4>(header);
  // 0: a jumbogram, or a frame that the network card will cut up.
  if (length != 0 && length < 8) {
    return DecodeOutcome::bad_transport;
  }
  datagram.transport = Transport::udp;
  datagram.source.port = be16<0>(header);
  datagram.destination.port = be16<2>(header);
  datagram.tcp_sequence = 0;
  datagram.tcp_flags = 0;
  if (length == 0) {
    datagram.missing = missing;
    datagram.payload = bytes.subspan(8);
  } else {
    const std::size_t here = std::min(length, bytes.size());
    datagram.missing = static_cast<std::uint32_t>(length - here);
    datagram.payload = bytes.subspan(8, here - 8);
  }
  return DecodeOutcome::datagram;
}

bool is_fragment_outcome(DecodeOutcome outcome) {
  return outcome >= DecodeOutcome::fragment_held && outcome <= DecodeOutcome::fragment_malformed;
}

}  // namespace

std::string_view to_string(DecodeOutcome outcome) {
  return kWords[static_cast<std::size_t>(outcome)];
}

Decoder::Decoder(const FragmentTable::Limits& fragments, Counters& counters)
    : fragments_(fragments, counters) {
  for (std::size_t i = 0; i < kDecodeOutcomes; ++i) {
    outcomes_[i] = &counters.counter("decode_packets_total", "packets by what became of them",
                                     {{"outcome", kWords[i]}});
  }
}

bool Decoder::read_plain(const Packet& packet, Datagram& datagram) {
  constexpr std::size_t kIp = kEthernetBytes;
  constexpr std::size_t kTransport = kIp + 20;
  constexpr std::size_t kHeaders =
      kTransport + 20;                     // also what a UDP datagram must have to be here
  constexpr std::uint8_t kPlainIp = 0x45;  // version 4, five words of header
  if (packet.link_type != kLinkEthernet || packet.bytes.size() < kHeaders) {
    return false;
  }
  const auto header = packet.bytes.first<kHeaders>();
  const std::size_t total = be16<kIp + 2>(header);
  if (be16<12>(header) != ether::kIpv4 || header[kIp] != kPlainIp ||
      (be16<kIp + 6>(header) & (kMoreFragments | kOffsetMask)) != 0 || total < kHeaders - kIp) {
    return false;
  }
  // What the snaplen left of the IP packet, and of it behind the IP header.
  const std::size_t here = std::min(total, packet.bytes.size() - kIp);
  const std::size_t behind_ip = here - (kTransport - kIp);
  datagram.source.port = be16<kTransport>(header);
  datagram.destination.port = be16<kTransport + 2>(header);
  if (header[kIp + 9] == ip_protocol::kTcp) {
    const std::size_t length = static_cast<std::size_t>(header[kTransport + 12] >> 4U) * 4;
    datagram.tcp_flags = header[kTransport + 13];
    if (length < 20 || length > behind_ip || (datagram.tcp_flags & TcpFlags::kSyn) != 0) {
      return false;
    }
    datagram.transport = Transport::tcp;
    datagram.tcp_sequence = be32<kTransport + 4>(header);
    datagram.missing = static_cast<std::uint32_t>(total - here);
    datagram.payload = packet.bytes.subspan(kTransport + length, behind_ip - length);
  } else if (header[kIp + 9] == ip_protocol::kUdp) {
    const std::size_t length = be16<kTransport + 4>(header);
    if (length < 8 || may_be_udp_tunnel(datagram.source.port) ||
        may_be_udp_tunnel(datagram.destination.port)) {
      return false;
    }
    const std::size_t whole = std::min(length, behind_ip);
    datagram.transport = Transport::udp;
    datagram.tcp_flags = 0;
    datagram.tcp_sequence = 0;
    datagram.missing = static_cast<std::uint32_t>(length - whole);
    datagram.payload = packet.bytes.subspan(kTransport + 8, whole - 8);
  } else {
    return false;
  }
  set_ipv4<kIp + 12>(datagram.source.address, header);
  set_ipv4<kIp + 16>(datagram.destination.address, header);
  datagram.when = packet.when;
  datagram.interface = packet.interface;
  datagram.tunnelled = false;
  return true;
}

DecodeOutcome Decoder::read(const Packet& packet, Datagram& datagram) {
  const LinkResult link = strip_link(packet.link_type, packet.bytes);
  if (link.kind != LinkResult::Kind::next) {
    return outcome_of(link.kind, DecodeOutcome::unknown_link);
  }
  datagram.when = packet.when;
  datagram.interface = packet.interface;
  datagram.tunnelled = false;

  Inside layer{link.type, link.rest};
  std::optional<Inside> inside;
  DecodeOutcome outcome = read_layer(layer, packet, datagram, inside);
  if (!inside) [[likely]] {
    return outcome;
  }
  // What a UDP tunnel is when its inside makes no sense: just UDP.
  std::optional<Datagram> outer;
  for (unsigned tunnels = 0; inside && tunnels < kMaxTunnels; ++tunnels) {
    if (outcome == DecodeOutcome::datagram) {
      outer = datagram;
    }
    layer = *inside;
    inside.reset();
    datagram.tunnelled = true;
    outcome = read_layer(layer, packet, datagram, inside);
  }
  if (outcome == DecodeOutcome::datagram || is_fragment_outcome(outcome)) {
    return outcome;
  }
  if (outer) {
    datagram = *outer;
    return DecodeOutcome::datagram;
  }
  return inside ? DecodeOutcome::too_deep : outcome;
}

DecodeOutcome Decoder::read_layer(Inside layer, const Packet& packet, Datagram& datagram,
                                  std::optional<Inside>& inside) {
  while (layer.type != ether::kIpv4 && layer.type != ether::kIpv6 && layer.type != ether::kAnyIp) {
    const LinkResult shim = strip_shim(layer.type, layer.bytes);
    if (shim.kind != LinkResult::Kind::next) {
      return outcome_of(shim.kind, DecodeOutcome::not_ip);
    }
    layer = {shim.type, shim.rest};
  }
  if (layer.bytes.empty()) {
    return DecodeOutcome::truncated;
  }
  IpPayload payload;
  DecodeOutcome outcome = DecodeOutcome::bad_ip;
  // The version nibble decides, whatever the layer above said: some capture files lie about it.
  const unsigned version = layer.bytes[0] >> 4U;
  if (version == 4) {
    outcome = read_ipv4(layer.bytes, packet, datagram, payload);
  } else if (version == 6) {
    outcome = read_ipv6(layer.bytes, packet, datagram, payload);
  }
  if (outcome != DecodeOutcome::datagram) {
    return outcome;
  }
  if (payload.protocol == ip_protocol::kTcp) {
    return read_tcp(payload.bytes, payload.missing, datagram);
  }
  if (payload.protocol == ip_protocol::kUdp) {
    outcome = read_udp(payload.bytes, payload.missing, datagram);
    if (outcome == DecodeOutcome::datagram) {
      const std::uint16_t from = datagram.source.port;
      const std::uint16_t to = datagram.destination.port;
      if (may_be_udp_tunnel(to)) [[unlikely]] {
        inside = open_udp_tunnel(to, datagram.payload);
      } else if (may_be_udp_tunnel(from)) [[unlikely]] {
        inside = open_udp_tunnel(from, datagram.payload);
      }
    }
    return outcome;
  }
  inside = open_ip_tunnel(payload.protocol, payload.bytes);
  return DecodeOutcome::other_transport;
}

DecodeOutcome Decoder::read_ipv4(Bytes bytes, const Packet& packet, Datagram& datagram,
                                 IpPayload& payload) {
  if (bytes.size() < 20) {
    return DecodeOutcome::truncated;
  }
  const auto header = bytes.first<20>();
  const std::size_t header_bytes = std::size_t{header[0] & 0x0fU} * 4;
  std::size_t total = be16<2>(header);
  payload.missing = 0;
  if (total == 0) {
    // A frame that the network card will cut up has no length yet.
    total = bytes.size();
    payload.missing = packet.wire_size - static_cast<std::uint32_t>(std::min<std::size_t>(
                                             packet.bytes.size(), packet.wire_size));
  }
  if (header_bytes < 20 || total < header_bytes) {
    return DecodeOutcome::bad_ip;
  }
  if (header_bytes > bytes.size()) {
    return DecodeOutcome::truncated;
  }
  const std::size_t here = std::min(total, bytes.size());
  payload.missing += static_cast<std::uint32_t>(total - here);
  payload.bytes = bytes.subspan(header_bytes, here - header_bytes);
  payload.protocol = header[9];
  set_ipv4<12>(datagram.source.address, header);
  set_ipv4<16>(datagram.destination.address, header);

  const std::uint16_t fragment = be16<6>(header);
  if ((fragment & (kMoreFragments | kOffsetMask)) != 0) [[unlikely]] {
    Fragment piece;
    piece.id = be16<4>(header);
    piece.key_protocol = payload.protocol;
    piece.next = payload.protocol;
    piece.offset = (fragment & std::uint32_t{kOffsetMask}) * 8;
    piece.more = (fragment & kMoreFragments) != 0;
    piece.bytes = payload.bytes;
    const DecodeOutcome joined = join(piece, packet, datagram, payload);
    if (joined != DecodeOutcome::datagram) {
      return joined;
    }
  }
  if (payload.protocol == ip_protocol::kAuthentication) [[unlikely]] {
    return read_extensions(packet, datagram, payload);
  }
  return DecodeOutcome::datagram;
}

DecodeOutcome Decoder::read_ipv6(Bytes bytes, const Packet& packet, Datagram& datagram,
                                 IpPayload& payload) {
  if (bytes.size() < 40) {
    return DecodeOutcome::truncated;
  }
  const auto header = bytes.first<40>();
  std::size_t length = be16<4>(header);
  const Bytes rest = bytes.subspan(40);
  payload.missing = 0;
  if (length == 0) {
    // A jumbogram, or a frame that the network card will cut up.
    length = rest.size();
    payload.missing = packet.wire_size - static_cast<std::uint32_t>(std::min<std::size_t>(
                                             packet.bytes.size(), packet.wire_size));
  }
  const std::size_t here = std::min(length, rest.size());
  payload.missing += static_cast<std::uint32_t>(length - here);
  payload.bytes = rest.first(here);
  payload.protocol = header[6];
  set_ipv6<8>(datagram.source.address, header);
  set_ipv6<24>(datagram.destination.address, header);
  if (payload.protocol == ip_protocol::kTcp || payload.protocol == ip_protocol::kUdp) [[likely]] {
    return DecodeOutcome::datagram;
  }
  return read_extensions(packet, datagram, payload);
}

}  // namespace gnomon
