// The part of Decoder behind the fixed IP header: extension headers and fragments.

#include "agent/decode/decoder.h"
#include "agent/decode/ip_protocol.h"
#include "core/fixed_fields.h"

namespace gnomon {
namespace {

// RFC 8200 lets every extension header come once, destination options twice.
constexpr unsigned kMaxExtensions = 12;

}  // namespace

DecodeOutcome Decoder::read_extensions(const Packet& packet, const Datagram& datagram,
                                       IpPayload& payload) {
  for (unsigned i = 0; i < kMaxExtensions; ++i) {
    const std::uint8_t kind = payload.protocol;
    const bool sized = kind == ip_protocol::kHopByHop || kind == ip_protocol::kRouting ||
                       kind == ip_protocol::kDestination || kind == ip_protocol::kMobility ||
                       kind == ip_protocol::kHostIdentity || kind == ip_protocol::kShim6;
    if (!sized && kind != ip_protocol::kAuthentication && kind != ip_protocol::kFragment) {
      return DecodeOutcome::datagram;
    }
    if (payload.bytes.size() < 8) {
      return payload.missing > 0 ? DecodeOutcome::truncated : DecodeOutcome::bad_ip;
    }
    const auto header = payload.bytes.first<8>();
    std::size_t length = 8;
    if (sized) {
      length = (std::size_t{header[1]} + 1) * 8;
    } else if (kind == ip_protocol::kAuthentication) {
      length = (std::size_t{header[1]} + 2) * 4;  // RFC 4302, section 2.2
    }
    if (length > payload.bytes.size()) {
      return payload.missing > 0 ? DecodeOutcome::truncated : DecodeOutcome::bad_ip;
    }
    const Bytes rest = payload.bytes.subspan(length);
    payload.protocol = header[0];
    payload.bytes = rest;
    if (kind == ip_protocol::kFragment) {
      const DecodeOutcome joined = join_v6(header, packet, datagram, payload);
      if (joined != DecodeOutcome::datagram) {
        return joined;
      }
    }
  }
  return DecodeOutcome::bad_ip;
}

// join_v6 takes the fragment header (RFC 8200, section 4.5) that stood before `payload`.
DecodeOutcome Decoder::join_v6(FixedBytes<8> header, const Packet& packet, const Datagram& datagram,
                               IpPayload& payload) {
  const std::uint16_t where = be16<2>(header);
  Fragment piece;
  piece.id = be32<4>(header);
  piece.next = payload.protocol;
  piece.offset = where & 0xfff8U;
  piece.more = (where & 1) != 0;
  piece.bytes = payload.bytes;
  // RFC 6946: a fragment that is whole by itself has nothing to do with any other.
  if (piece.offset == 0 && !piece.more) {
    return DecodeOutcome::datagram;
  }
  return join(piece, packet, datagram, payload);
}

DecodeOutcome Decoder::join(Fragment fragment, const Packet& packet, const Datagram& datagram,
                            IpPayload& payload) {
  if (payload.missing > 0) {
    // The snaplen cut this piece, so its datagram will never be whole. The first piece is handed on
    // as it is: its beginning is where the names are. Any other is of no use.
    return fragment.offset == 0 ? DecodeOutcome::datagram : DecodeOutcome::fragment_malformed;
  }
  fragment.source = datagram.source.address;
  fragment.destination = datagram.destination.address;
  switch (fragments_.add(fragment, packet.when)) {
    case FragmentOutcome::complete:
      payload.bytes = fragments_.whole();
      payload.protocol = fragments_.whole_next();
      return DecodeOutcome::datagram;
    case FragmentOutcome::held:
      return DecodeOutcome::fragment_held;
    case FragmentOutcome::duplicate:
      return DecodeOutcome::fragment_duplicate;
    case FragmentOutcome::overlapping:
      return DecodeOutcome::fragment_overlap;
    case FragmentOutcome::malformed:
      break;
  }
  return DecodeOutcome::fragment_malformed;
}

}  // namespace gnomon
