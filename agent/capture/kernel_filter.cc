#include "agent/capture/kernel_filter.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "agent/capture/classic_assembler.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kOutgoing = 4;  // PACKET_OUTGOING of linux/if_packet.h

constexpr std::uint16_t kDnsPort = 53;

// Where a hello's last, short segment may go: HTTPS, HTTP (a request or a tunnel through a proxy),
// the usual ports of proxies and of test servers, DNS over TLS.
constexpr std::array<std::uint32_t, 6> kTailPorts = {443, 80, 8080, 8443, 3128, 853};

// A full segment is longer than this on all common links; what is shorter and pushed ends a
// message.
constexpr std::uint32_t kTailLongest = 1400;

// Answers over UDP are at most 4 KiB; what lies farther back in a fragmented datagram is bulk.
constexpr std::uint32_t kFragmentBytes = 4096;

constexpr std::array<std::string_view, 9> kMethods = {"GET ", "POST", "HEAD", "PUT ", "CONN",
                                                      "OPTI", "DELE", "PATC", "PROP"};

// choose_interface leaves 1 in the outbound cell when this machine sent the packet.
void choose_interface(ClassicAssembler& code, const FilterScope& scope) {
  const auto listed = code.label();
  const auto chosen = code.label();
  code.load_ancillary(SKF_AD_IFINDEX);
  const std::size_t count = std::min(scope.interfaces.size(), kMaxFilterInterfaces);
  for (std::size_t i = 0; i < count; ++i) {
    code.when(BPF_JEQ, scope.interfaces[i], listed);
  }
  if (scope.only_listed) {
    code.give(0);
    code.place(listed);
  } else {
    code.go(chosen);
    code.place(listed);
    code.give(0);
  }
  code.place(chosen);

  const auto elsewhere = code.label();
  const auto known = code.label();
  if (scope.loopback != 0) {
    code.unless(BPF_JEQ, scope.loopback, elsewhere);
    // The loopback shows every packet twice, and libpcap drops the copy that goes out.
    const auto incoming = code.label();
    code.load_ancillary(SKF_AD_PKTTYPE);
    code.unless(BPF_JEQ, kOutgoing, incoming);
    code.give(0);
    code.place(incoming);
    code.emit(BPF_LD | BPF_IMM, 1);
    code.go(known);
    code.place(elsewhere);
  }
  const auto incoming = code.label();
  code.load_ancillary(SKF_AD_PKTTYPE);
  code.unless(BPF_JEQ, kOutgoing, incoming);
  code.emit(BPF_LD | BPF_IMM, 1);
  code.go(known);
  code.place(incoming);
  code.emit(BPF_LD | BPF_IMM, 0);
  code.place(known);
  code.store_cell(FilterCell::kOutbound);
}

// decide_late_fragment takes the fragment's offset in bytes in the accumulator.
void decide_late_fragment(ClassicAssembler& code, std::uint32_t snaplen) {
  const auto far = code.label();
  code.when(BPF_JGE, kFragmentBytes, far);
  code.give(snaplen);
  code.place(far);
  code.give(0);
}

void find_transport_v4(ClassicAssembler& code, std::uint32_t snaplen) {
  const auto first = code.label();
  code.load16(6);
  code.mask(0x1fff);
  code.when(BPF_JEQ, 0, first);
  code.shift_left(3);
  decide_late_fragment(code, snaplen);
  code.place(first);
  code.load8(9);
  code.store_cell(FilterCell::kProtocol);
  code.load8(0);
  code.mask(0x0f);
  code.shift_left(2);
  code.add_index();
  code.store_cell(FilterCell::kTransport);
}

void find_transport_v6(ClassicAssembler& code, std::uint32_t snaplen) {
  const auto fragment = code.label();
  const auto option = code.label();
  const auto sized = code.label();
  code.load8(6);
  code.store_cell(FilterCell::kProtocol);
  code.when(BPF_JEQ, 44, fragment);
  code.when(BPF_JEQ, 0, option);
  code.when(BPF_JEQ, 60, option);
  code.when(BPF_JEQ, 43, option);
  code.emit(BPF_LD | BPF_IMM, 40);
  code.go(sized);
  code.place(option);
  code.load8(40);
  code.store_cell(FilterCell::kProtocol);
  code.load8(41);
  code.shift_left(3);
  code.add(48);
  code.go(sized);
  const auto first = code.label();
  code.place(fragment);
  code.load16(42);
  code.mask(0xfff8);
  code.when(BPF_JEQ, 0, first);
  decide_late_fragment(code, snaplen);
  code.place(first);
  code.load8(40);
  code.store_cell(FilterCell::kProtocol);
  code.emit(BPF_LD | BPF_IMM, 48);
  code.place(sized);
  code.add_index();
  code.store_cell(FilterCell::kTransport);
}

// find_transport leaves the transport's protocol and place in their cells. Fragments are decided
// on here.
void find_transport(ClassicAssembler& code, std::uint32_t snaplen) {
  const auto ip = code.label();
  const auto tagged = code.label();
  const auto other = code.label();
  const auto ipv6 = code.label();
  const auto transport = code.label();

  // The kernel's checker walks on behind a return, and must find these cells set there too.
  code.emit(BPF_LD | BPF_IMM, 0);
  code.store_cell(FilterCell::kTransport);
  code.store_cell(FilterCell::kProtocol);
  code.store_cell(FilterCell::kNetwork);
  code.set_index(0);
  code.load_ancillary(SKF_AD_PROTOCOL);
  code.when(BPF_JEQ, 0x0800, ip);
  code.when(BPF_JEQ, 0x86dd, ip);
  code.when(BPF_JEQ, 0x8100, tagged);
  code.when(BPF_JEQ, 0x88a8, tagged);
  code.when(BPF_JEQ, 0x8864, other);  // PPPoE: six bytes of its own and two of PPP
  code.give(0);
  code.place(other);
  code.set_index(8);
  code.go(ip);
  code.place(tagged);
  code.set_index(4);
  code.place(ip);
  code.store_index(FilterCell::kNetwork);

  const auto ipv4 = code.label();
  code.load8(0);
  code.shift_right(4);
  code.when(BPF_JEQ, 6, ipv6);
  code.when(BPF_JEQ, 4, ipv4);
  code.give(0);
  code.place(ipv4);
  find_transport_v4(code, snaplen);
  code.go(transport);
  code.place(ipv6);
  find_transport_v6(code, snaplen);
  code.place(transport);
}

void accept_dns(ClassicAssembler& code, std::uint32_t snaplen) {
  const auto dns = code.label();
  const auto no_dns = code.label();
  code.load16(0);
  code.when(BPF_JEQ, kDnsPort, dns);
  code.load16(2);
  code.unless(BPF_JEQ, kDnsPort, no_dns);
  code.place(dns);
  code.give(snaplen);
  code.place(no_dns);
}

void require_outbound(ClassicAssembler& code) {
  const auto outbound = code.label();
  code.load_cell(FilterCell::kOutbound);
  code.when(BPF_JEQ, 1, outbound);
  code.give(0);
  code.place(outbound);
}

void filter_tcp(ClassicAssembler& code, std::uint32_t snaplen, Tails tails) {
  const auto drop = code.label();
  const auto pass = code.label();
  const auto tail = code.label();
  const auto has_payload = code.label();
  accept_dns(code, snaplen);
  require_outbound(code);

  // The index goes on to the payload; the header's own fields are read before, from here.
  code.load8(12);
  code.mask(0xf0);
  code.shift_right(2);
  code.add_index();
  code.to_index();
  code.load_length();
  code.subtract_index();
  // The difference wraps for a packet that ends before its payload.
  code.when(BPF_JGE, 0x80000000, drop);
  code.unless(BPF_JEQ, 0, has_payload);
  code.give(0);
  code.place(has_payload);
  // A read behind the end would end the program, so short segments skip what reads far.
  code.unless(BPF_JGE, 6, tail);

  code.load16(0);
  const auto no_hello = code.label();
  code.unless(BPF_JEQ, 0x1603, no_hello);
  code.load8(5);
  code.when(BPF_JEQ, 1, pass);
  code.give(0);
  code.place(no_hello);
  code.load32(0);
  for (const std::string_view method : kMethods) {
    std::uint32_t word = 0;
    for (const char letter : method) {
      word = (word << 8) | static_cast<std::uint8_t>(letter);
    }
    code.when(BPF_JEQ, word, pass);
  }
  // Data, alerts and the rest of a handshake begin with their own record header.
  code.shift_right(16);
  code.when(BPF_JEQ, 0x1403, drop);
  code.when(BPF_JEQ, 0x1503, drop);
  code.when(BPF_JEQ, 0x1703, drop);

  code.place(tail);
  if (tails == Tails::left_out) {
    code.place(drop);
    code.give(0);
    code.place(pass);
    code.give(snaplen);
    return;
  }
  code.load_length();
  code.when(BPF_JGE, kTailLongest, drop);
  code.index_from_cell(FilterCell::kTransport);
  code.load8(13);
  const auto pushed = code.label();
  code.when(BPF_JSET, 0x08, pushed);
  code.give(0);
  code.place(pushed);
  code.load16(2);
  for (const std::uint32_t port : kTailPorts) {
    code.when(BPF_JEQ, port, pass);
  }
  code.place(drop);
  code.give(0);
  code.place(pass);
  code.give(snaplen);
}

void filter_udp(ClassicAssembler& code, std::uint32_t snaplen) {
  const auto drop = code.label();
  const auto pass = code.label();
  const auto version2 = code.label();
  const auto no_dtls = code.label();
  const auto dtls = code.label();
  accept_dns(code, snaplen);
  require_outbound(code);
  // A record of DTLS 1.0 or 1.2 before any key (RFC 6347, section 4.1), with a ClientHello.
  code.load32(8);
  code.when(BPF_JEQ, 0x16feff00, dtls);
  code.unless(BPF_JEQ, 0x16fefd00, no_dtls);
  code.place(dtls);
  code.load8(8 + 13);
  code.when(BPF_JEQ, 1, pass);
  code.give(0);
  code.place(no_dtls);
  // An Initial of a client fills at least 1,200 bytes (RFC 9000, section 14.1).
  code.load_length();
  code.subtract_index();
  code.unless(BPF_JGE, 1200, drop);
  code.load8(8);
  code.mask(0xf0);
  code.when(BPF_JEQ, 0xd0, version2);
  code.unless(BPF_JEQ, 0xc0, drop);
  code.load32(9);
  code.when(BPF_JEQ, 1, pass);
  code.mask(0xffffff00);
  code.when(BPF_JEQ, 0xff000000, pass);  // the drafts
  code.give(0);
  code.place(version2);
  code.load32(9);
  code.when(BPF_JEQ, 0x6b3343cf, pass);  // RFC 9369, section 3.1
  code.place(drop);
  code.give(0);
  code.place(pass);
  code.give(snaplen);
}

}  // namespace

std::vector<sock_filter> build_kernel_filter(const FilterScope& scope, Tails tails) {
  ClassicAssembler code;
  choose_interface(code, scope);
  find_transport(code, scope.snaplen);
  const auto tcp = code.label();
  const auto udp = code.label();
  code.index_from_cell(FilterCell::kTransport);
  code.load_cell(FilterCell::kProtocol);
  code.when(BPF_JEQ, 6, tcp);
  code.when(BPF_JEQ, 17, udp);
  code.give(0);
  code.place(udp);
  filter_udp(code, scope.snaplen);
  code.place(tcp);
  filter_tcp(code, scope.snaplen, tails);
  return code.finish();
}

}  // namespace gnomon
