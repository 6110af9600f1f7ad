// Decoder: Packet -> Datagram.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/capture/packet.h"
#include "agent/decode/datagram.h"
#include "agent/decode/fragment_table.h"
#include "agent/decode/tunnel.h"
#include "core/counters.h"
#include "core/fixed_fields.h"

namespace gnomon {

// DecodeOutcome is what became of a packet: a datagram, or the reason there is none.
enum class DecodeOutcome : std::uint8_t {
  datagram,
  unknown_link,        // a link type nobody taught us
  truncated,           // ends inside a header
  encrypted_link,      // 802.11 with protection
  no_data_link,        // 802.11 management, PPPoE discovery
  not_ip,              // ARP, STP, LLDP ...
  bad_ip,              // a header that contradicts itself
  other_transport,     // ICMP, ESP, SCTP ...
  bad_transport,       // a TCP or UDP header that contradicts itself
  fragment_held,       // waits for the others
  fragment_duplicate,  // the same piece again
  fragment_overlap,    // pieces contradict one another
  fragment_malformed,  // no piece of a datagram can look like this, or the snaplen cut it
  too_deep,            // more tunnels in one another than we follow
};
constexpr std::size_t kDecodeOutcomes = 14;

// to_string gives the word that stands in the counter's label.
std::string_view to_string(DecodeOutcome outcome);

// Decoder reads the headers of a packet down to TCP or UDP.
//
// Every packet yields a datagram or a counted reason (`decode_packets_total{outcome=...}`; their
// sum is the number of packets). Through tags, labels, IP options, IPv6 extension headers,
// fragments, and up to kMaxTunnels tunnels in one another: GRE (also with Ethernet, PPP or ERSPAN
// in it), IP in IP, 6in4, 4in6, MPLS in IP, EtherIP, VXLAN, GENEVE, GTP-U, Teredo, L2TP. A UDP
// tunnel whose inside makes no sense is handed on as the UDP datagram it is.
//
// Nothing is allocated but for fragments, whose memory is bounded. For one thread.
class Decoder {
 public:
  // Cloud networks put GRE in VXLAN; deeper nesting is a game.
  static constexpr unsigned kMaxTunnels = 3;

  explicit Decoder(Counters& counters) : Decoder(FragmentTable::Limits{}, counters) {}
  Decoder(const FragmentTable::Limits& fragments, Counters& counters);

  // decode fills `datagram` when it yields DecodeOutcome::datagram; otherwise its content means
  // nothing. The payload borrows the packet or the fragment table, until the next decode().
  DecodeOutcome decode(const Packet& packet, Datagram& datagram) {
    const DecodeOutcome outcome =
        read_plain(packet, datagram) ? DecodeOutcome::datagram : read(packet, datagram);
    outcomes_[static_cast<std::size_t>(outcome)]->add_alone();
    return outcome;
  }

  // decode_anew is decode() by the long way alone, to be compared with.
  DecodeOutcome decode_anew(const Packet& packet, Datagram& datagram) {
    return read(packet, datagram);
  }

 private:
  // What a layer's IP header carries.
  struct IpPayload {
    std::uint8_t protocol = 0;
    std::uint32_t missing = 0;  // bytes the snaplen cut off its end
    Bytes bytes;
  };

  // read_plain is the short way for what nearly every packet is: Ethernet, an IPv4 header without
  // options or fragments, a TCP segment or a UDP datagram of no tunnel. False: read() must look. It
  // says what read() would say, and allocates and calls nothing.
  static bool read_plain(const Packet& packet, Datagram& datagram);
  DecodeOutcome read(const Packet& packet, Datagram& datagram);
  // read_layer goes from `layer` to a transport header. `inside` is set when there is another
  // packet in it, whether or not the outcome is a datagram.
  DecodeOutcome read_layer(Inside layer, const Packet& packet, Datagram& datagram,
                           std::optional<Inside>& inside);
  DecodeOutcome read_ipv4(Bytes bytes, const Packet& packet, Datagram& datagram,
                          IpPayload& payload);
  DecodeOutcome read_ipv6(Bytes bytes, const Packet& packet, Datagram& datagram,
                          IpPayload& payload);
  DecodeOutcome read_extensions(const Packet& packet, const Datagram& datagram, IpPayload& payload);
  DecodeOutcome join_v6(FixedBytes<8> header, const Packet& packet, const Datagram& datagram,
                        IpPayload& payload);
  DecodeOutcome join(Fragment fragment, const Packet& packet, const Datagram& datagram,
                     IpPayload& payload);

  FragmentTable fragments_;
  std::array<Counter*, kDecodeOutcomes> outcomes_{};
};

}  // namespace gnomon
