#include "agent/capture/kernel_filter.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/check.h"

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

// Scratch cells.
constexpr std::uint32_t kTransportCell = 0;  // where the transport header begins
constexpr std::uint32_t kOutboundCell = 1;   // 1 when this machine sent the packet
constexpr std::uint32_t kProtocolCell = 2;   // of the transport header

// Assembler emits classic BPF (Linux, Documentation/networking/filter.rst). Jumps go forward to
// labels; conditional ones reach 255 instructions, so every part has its own ways out.
class Assembler {
 public:
  using Label = std::size_t;

  Label label() {
    places_.push_back(kNowhere);
    return places_.size() - 1;
  }
  void place(Label label) { places_[label] = program_.size(); }

  void emit(unsigned code, std::uint32_t k = 0) {
    program_.push_back({static_cast<std::uint16_t>(code), 0, 0, k});
  }
  // if_ tests the accumulator against k and goes to `yes`, else on.
  void if_(unsigned test, std::uint32_t k, Label yes) {
    jumps_.push_back({program_.size(), yes, true});
    program_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), 0, 0, k});
  }
  void unless(unsigned test, std::uint32_t k, Label no) {
    jumps_.push_back({program_.size(), no, false});
    program_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), 0, 0, k});
  }
  void go(Label label) {
    jumps_.push_back({program_.size(), label, true});
    emit(BPF_JMP | BPF_JA);
  }

  void load_ancillary(unsigned what) {
    emit(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF) + what);
  }
  void load8(std::uint32_t at) { emit(BPF_LD | BPF_B | BPF_IND, at); }
  void load16(std::uint32_t at) { emit(BPF_LD | BPF_H | BPF_IND, at); }
  void load32(std::uint32_t at) { emit(BPF_LD | BPF_W | BPF_IND, at); }
  void load_length() { emit(BPF_LD | BPF_W | BPF_LEN); }
  void load_cell(std::uint32_t cell) { emit(BPF_LD | BPF_MEM, cell); }
  void store_cell(std::uint32_t cell) { emit(BPF_ST, cell); }
  void index_from_cell(std::uint32_t cell) { emit(BPF_LDX | BPF_W | BPF_MEM, cell); }
  void set_index(std::uint32_t value) { emit(BPF_LDX | BPF_W | BPF_IMM, value); }
  void to_index() { emit(BPF_MISC | BPF_TAX); }
  void and_(std::uint32_t k) { emit(BPF_ALU | BPF_AND | BPF_K, k); }
  void add(std::uint32_t k) { emit(BPF_ALU | BPF_ADD | BPF_K, k); }
  void add_index() { emit(BPF_ALU | BPF_ADD | BPF_X); }
  void subtract_index() { emit(BPF_ALU | BPF_SUB | BPF_X); }
  void shift_left(std::uint32_t k) { emit(BPF_ALU | BPF_LSH | BPF_K, k); }
  void shift_right(std::uint32_t k) { emit(BPF_ALU | BPF_RSH | BPF_K, k); }
  void give(std::uint32_t bytes) { emit(BPF_RET | BPF_K, bytes); }

  std::vector<sock_filter> finish() {
    for (const Jump& jump : jumps_) {
      GNOMON_CHECK(places_[jump.to] != kNowhere && places_[jump.to] > jump.at);
      const std::size_t distance = places_[jump.to] - jump.at - 1;
      sock_filter& instruction = program_[jump.at];
      if (instruction.code == (BPF_JMP | BPF_JA)) {
        instruction.k = static_cast<std::uint32_t>(distance);
        continue;
      }
      GNOMON_CHECK(distance <= 255);
      (jump.when ? instruction.jt : instruction.jf) = static_cast<std::uint8_t>(distance);
    }
    return program_;
  }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  struct Jump {
    std::size_t at;
    Label to;
    bool when;
  };

  std::vector<sock_filter> program_;
  std::vector<std::size_t> places_;
  std::vector<Jump> jumps_;
};

// choose_interface leaves 1 in the outbound cell when this machine sent the packet.
void choose_interface(Assembler& code, const FilterScope& scope) {
  const auto listed = code.label();
  const auto chosen = code.label();
  code.load_ancillary(SKF_AD_IFINDEX);
  const std::size_t count = std::min(scope.interfaces.size(), kMaxFilterInterfaces);
  for (std::size_t i = 0; i < count; ++i) {
    code.if_(BPF_JEQ, scope.interfaces[i], listed);
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
  code.store_cell(kOutboundCell);
}

// find_transport leaves the transport's protocol and place in their cells. Fragments are decided
// on here.
void find_transport(Assembler& code, std::uint32_t snaplen) {
  const auto ip = code.label();
  const auto tagged = code.label();
  const auto other = code.label();
  const auto ipv6 = code.label();
  const auto transport = code.label();

  // The kernel's checker walks on behind a return, and must find these cells set there too.
  code.emit(BPF_LD | BPF_IMM, 0);
  code.store_cell(kTransportCell);
  code.store_cell(kProtocolCell);
  code.set_index(0);
  code.load_ancillary(SKF_AD_PROTOCOL);
  code.if_(BPF_JEQ, 0x0800, ip);
  code.if_(BPF_JEQ, 0x86dd, ip);
  code.if_(BPF_JEQ, 0x8100, tagged);
  code.if_(BPF_JEQ, 0x88a8, tagged);
  code.if_(BPF_JEQ, 0x8864, other);  // PPPoE: six bytes of its own and two of PPP
  code.give(0);
  code.place(other);
  code.set_index(8);
  code.go(ip);
  code.place(tagged);
  code.set_index(4);
  code.place(ip);

  code.load8(0);
  code.shift_right(4);
  code.if_(BPF_JEQ, 6, ipv6);
  const auto ipv4 = code.label();
  code.if_(BPF_JEQ, 4, ipv4);
  code.give(0);

  const auto late_fragment = code.label();
  const auto first_v4 = code.label();
  code.place(ipv4);
  code.load16(6);
  code.and_(0x1fff);
  code.if_(BPF_JEQ, 0, first_v4);
  code.shift_left(3);
  code.go(late_fragment);
  code.place(first_v4);
  code.load8(9);
  code.store_cell(kProtocolCell);
  code.load8(0);
  code.and_(0x0f);
  code.shift_left(2);
  code.add_index();
  code.store_cell(kTransportCell);
  code.go(transport);

  const auto fragment_v6 = code.label();
  const auto option_v6 = code.label();
  const auto plain_v6 = code.label();
  code.place(ipv6);
  code.load8(6);
  code.store_cell(kProtocolCell);
  code.if_(BPF_JEQ, 44, fragment_v6);
  code.if_(BPF_JEQ, 0, option_v6);
  code.if_(BPF_JEQ, 60, option_v6);
  code.if_(BPF_JEQ, 43, option_v6);
  code.emit(BPF_LD | BPF_IMM, 40);
  code.go(plain_v6);
  code.place(option_v6);
  code.load8(40);
  code.store_cell(kProtocolCell);
  code.load8(41);
  code.shift_left(3);
  code.add(48);
  code.go(plain_v6);
  const auto first_v6 = code.label();
  code.place(fragment_v6);
  code.load16(42);
  code.and_(0xfff8);
  code.if_(BPF_JEQ, 0, first_v6);
  code.go(late_fragment);
  code.place(first_v6);
  code.load8(40);
  code.store_cell(kProtocolCell);
  code.emit(BPF_LD | BPF_IMM, 48);
  code.place(plain_v6);
  code.add_index();
  code.store_cell(kTransportCell);
  code.go(transport);

  const auto far = code.label();
  code.place(late_fragment);  // the offset in bytes is in the accumulator
  code.if_(BPF_JGE, kFragmentBytes, far);
  code.give(snaplen);
  code.place(far);
  code.give(0);
  code.place(transport);
}

void accept_dns(Assembler& code, std::uint32_t snaplen) {
  const auto dns = code.label();
  const auto no_dns = code.label();
  code.load16(0);
  code.if_(BPF_JEQ, kDnsPort, dns);
  code.load16(2);
  code.unless(BPF_JEQ, kDnsPort, no_dns);
  code.place(dns);
  code.give(snaplen);
  code.place(no_dns);
}

void require_outbound(Assembler& code) {
  const auto outbound = code.label();
  code.load_cell(kOutboundCell);
  code.if_(BPF_JEQ, 1, outbound);
  code.give(0);
  code.place(outbound);
}

void filter_tcp(Assembler& code, std::uint32_t snaplen) {
  const auto drop = code.label();
  const auto pass = code.label();
  const auto tail = code.label();
  const auto has_payload = code.label();
  accept_dns(code, snaplen);
  require_outbound(code);

  // The index goes on to the payload; the header's own fields are read before, from here.
  code.load8(12);
  code.and_(0xf0);
  code.shift_right(2);
  code.add_index();
  code.to_index();
  code.load_length();
  code.subtract_index();
  // The difference wraps for a packet that ends before its payload.
  code.if_(BPF_JGE, 0x80000000, drop);
  code.unless(BPF_JEQ, 0, has_payload);
  code.give(0);
  code.place(has_payload);
  // A read behind the end would end the program, so short segments skip what reads far.
  code.unless(BPF_JGE, 6, tail);

  code.load16(0);
  const auto no_hello = code.label();
  code.unless(BPF_JEQ, 0x1603, no_hello);
  code.load8(5);
  code.if_(BPF_JEQ, 1, pass);
  code.give(0);
  code.place(no_hello);
  code.load32(0);
  for (const std::string_view method : kMethods) {
    std::uint32_t word = 0;
    for (const char letter : method) {
      word = (word << 8) | static_cast<std::uint8_t>(letter);
    }
    code.if_(BPF_JEQ, word, pass);
  }
  // Data, alerts and the rest of a handshake begin with their own record header.
  code.shift_right(16);
  code.if_(BPF_JEQ, 0x1403, drop);
  code.if_(BPF_JEQ, 0x1503, drop);
  code.if_(BPF_JEQ, 0x1703, drop);

  code.place(tail);
  code.load_length();
  code.if_(BPF_JGE, kTailLongest, drop);
  code.index_from_cell(kTransportCell);
  code.load8(13);
  const auto pushed = code.label();
  code.if_(BPF_JSET, 0x08, pushed);
  code.give(0);
  code.place(pushed);
  code.load16(2);
  for (const std::uint32_t port : kTailPorts) {
    code.if_(BPF_JEQ, port, pass);
  }
  code.place(drop);
  code.give(0);
  code.place(pass);
  code.give(snaplen);
}

void filter_udp(Assembler& code, std::uint32_t snaplen) {
  const auto drop = code.label();
  const auto pass = code.label();
  const auto version2 = code.label();
  accept_dns(code, snaplen);
  require_outbound(code);
  // An Initial of a client fills at least 1,200 bytes (RFC 9000, section 14.1).
  code.load_length();
  code.subtract_index();
  code.unless(BPF_JGE, 1200, drop);
  code.load8(8);
  code.and_(0xf0);
  code.if_(BPF_JEQ, 0xd0, version2);
  code.unless(BPF_JEQ, 0xc0, drop);
  code.load32(9);
  code.if_(BPF_JEQ, 1, pass);
  code.and_(0xffffff00);
  code.if_(BPF_JEQ, 0xff000000, pass);  // the drafts
  code.give(0);
  code.place(version2);
  code.load32(9);
  code.if_(BPF_JEQ, 0x6b3343cf, pass);  // RFC 9369, section 3.1
  code.place(drop);
  code.give(0);
  code.place(pass);
  code.give(snaplen);
}

}  // namespace

std::vector<sock_filter> build_kernel_filter(const FilterScope& scope) {
  Assembler code;
  choose_interface(code, scope);
  find_transport(code, scope.snaplen);
  const auto tcp = code.label();
  const auto udp = code.label();
  code.index_from_cell(kTransportCell);
  code.load_cell(kProtocolCell);
  code.if_(BPF_JEQ, 6, tcp);
  code.if_(BPF_JEQ, 17, udp);
  code.give(0);
  code.place(udp);
  filter_udp(code, scope.snaplen);
  code.place(tcp);
  filter_tcp(code, scope.snaplen);
  return code.finish();
}

}  // namespace gnomon
