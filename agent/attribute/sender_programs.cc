#include "agent/attribute/sender_programs.h"

#include <linux/in.h>

#include "agent/kernel/extended_assembler.h"

namespace gnomon {
namespace {

using enum Register;

// In both programs r6 is the argument, and 1 the only result: the socket, the packet goes its way.
constexpr std::uint32_t kGoOn = 1;

constexpr std::int32_t offset(std::size_t bytes) {
  return static_cast<std::int32_t>(bytes);
}

// copy moves whole runs of eight bytes.
void copy(ExtendedAssembler& code, Register to, std::int32_t to_offset, Register from,
          std::int32_t from_offset, std::size_t bytes) {
  for (std::int32_t at = 0; at < offset(bytes); at += 8) {
    code.load(Width::twin, r0, from, from_offset + at);
    code.store(Width::twin, to, to_offset + at, r0);
  }
}

void clear(ExtendedAssembler& code, Register to, std::int32_t to_offset, std::size_t bytes) {
  for (std::int32_t at = 0; at < offset(bytes); at += 8) {
    code.store_value(Width::twin, to, to_offset + at, 0);
  }
}

std::vector<bpf_insn> finish(ExtendedAssembler& code, ExtendedAssembler::Label done) {
  code.place(done);
  code.set(r0, kGoOn);
  code.end();
  return code.finish();
}

// DepartureProgram writes the program. r7 is where the packet begins and later the socket's cookie,
// r8 the departure's place, r9 where the packet ends and later the socket's maker.
//
// It runs for every packet that leaves the machine, and nearly all of them begin no flow: those it
// leaves behind a dozen instructions, which take a few nanoseconds beside the kernel's own hundred.
class DepartureProgram {
 public:
  DepartureProgram(int makers_fd, int departures_fd)
      : makers_fd_(makers_fd), departures_fd_(departures_fd), done_(code_.label()) {}

  std::vector<bpf_insn> write() {
    const auto v6 = code_.label();
    const auto begins = code_.label();
    code_.move(r6, r1);
    code_.load(Width::word, r7, r6, offset(offsetof(__sk_buff, data)));
    code_.load(Width::word, r9, r6, offset(offsetof(__sk_buff, data_end)));
    leave_shorter_out(kIpv4.bytes + kUdpBytes);
    code_.load(Width::byte, r0, r7, 0);
    code_.jump_if(BPF_JNE, r0, kPlainIpv4, v6);
    read_packet(kIpv4);
    code_.go(begins);
    code_.place(v6);
    code_.alu(BPF_RSH, r0, 4);
    code_.jump_if(BPF_JNE, r0, 6, done_);
    leave_shorter_out(kIpv6.bytes + kUdpBytes);
    read_packet(kIpv6);
    code_.place(begins);
    find_place();
    refresh_known();
    write_anew();
    return finish(code_, done_);
  }

 private:
  // Header is what stands where in an IP header.
  struct Header {
    unsigned version;
    std::int32_t bytes;
    std::int32_t protocol;
    std::int32_t addresses;
    std::size_t address_bytes;  // of both
  };
  static constexpr Header kIpv4{4, 20, 9, 12, 8};  // RFC 791, section 3.1
  static constexpr Header kIpv6{6, 40, 6, 8, 32};  // RFC 8200, section 3
  // The first byte of an IPv4 header without options. Hardly anybody sends some; those and what
  // stands behind IPv6 extension headers have no note.
  static constexpr std::uint32_t kPlainIpv4 = 0x45;
  static constexpr std::int32_t kFragmentInIpv4 = 6;
  static constexpr std::uint32_t kFragmentPlace = 0x1fff;

  static constexpr std::int32_t kFlagsInTcp = 13;  // RFC 9293, section 3.1
  static constexpr std::uint32_t kSyn = 0x02;
  static constexpr std::uint32_t kAck = 0x10;
  static constexpr std::int32_t kUdpBytes = 8;
  static constexpr std::uint32_t kDnsPort = 53;
  // The first two bits of a QUIC packet with a long header (RFC 9000, section 17.2).
  static constexpr std::uint32_t kLongHeader = 0xc0;

  // The stack.
  static constexpr std::int32_t kKey = -offset(sizeof(DepartureKey));
  static constexpr std::int32_t kPorts = kKey + offset(offsetof(DepartureKey, local_port));
  static constexpr std::int32_t kCookie = kKey - 8;
  static constexpr std::int32_t kNow = kCookie - 8;
  static constexpr std::int32_t kIndex = kNow - 8;
  static constexpr std::int32_t kByte = kIndex - 8;

  void leave_shorter_out(std::int32_t bytes) {
    code_.address(r0, r7, bytes);
    code_.jump_if_above(r0, r9, done_);
  }

  // read_packet leaves the key of a packet that begins a flow, and all others to their way.
  void read_packet(const Header& header) {
    const auto tcp = code_.label();
    const auto begins = code_.label();
    code_.load(Width::byte, r0, r7, header.protocol);
    code_.jump_if(BPF_JEQ, r0, IPPROTO_TCP, tcp);
    code_.jump_if(BPF_JNE, r0, IPPROTO_UDP, done_);
    if (header.version == kIpv4.version) {
      code_.load(Width::half, r0, r7, kFragmentInIpv4);
      code_.from_network(r0, 16);
      code_.alu(BPF_AND, r0, kFragmentPlace);
      code_.jump_if(BPF_JNE, r0, 0, done_);  // it has no ports
    }
    clear(code_, stack, kKey, sizeof(DepartureKey));
    write_kind(header, IPPROTO_UDP);
    code_.load(Width::half, r0, r7, header.bytes + 2);
    code_.from_network(r0, 16);
    code_.jump_if(BPF_JEQ, r0, kDnsPort, begins);
    // What a datagram holds may lie elsewhere than its headers.
    code_.move(r1, r6);
    code_.set(r2, static_cast<std::uint32_t>(header.bytes + kUdpBytes));
    code_.address(r3, stack, kByte);
    code_.set(r4, 1);
    code_.call(BPF_FUNC_skb_load_bytes);
    code_.jump_if(BPF_JNE, r0, 0, done_);
    code_.load(Width::byte, r0, stack, kByte);
    code_.alu(BPF_AND, r0, kLongHeader);
    code_.jump_if(BPF_JNE, r0, kLongHeader, done_);
    code_.go(begins);

    code_.place(tcp);
    leave_shorter_out(header.bytes + kFlagsInTcp + 1);
    code_.load(Width::byte, r0, r7, header.bytes + kFlagsInTcp);
    code_.alu(BPF_AND, r0, kSyn | kAck);
    code_.jump_if(BPF_JNE, r0, kSyn, done_);
    clear(code_, stack, kKey, sizeof(DepartureKey));
    write_kind(header, IPPROTO_TCP);

    code_.place(begins);
    for (std::int32_t at = 0; at < offset(header.address_bytes); at += 4) {
      code_.load(Width::word, r0, r7, header.addresses + at);
      code_.store(Width::word, stack, kKey + at, r0);
    }
    code_.load(Width::word, r0, r7, header.bytes);
    code_.store(Width::word, stack, kPorts, r0);
  }

  void write_kind(const Header& header, unsigned protocol) {
    code_.store_value(Width::word, stack, kKey + offset(offsetof(DepartureKey, kind)),
                      departure_kind(header.version, protocol));
  }

  // find_place leaves the cookie in r7 and on the stack, the departure's place in r8.
  void find_place() {
    code_.move(r1, r6);
    code_.call(BPF_FUNC_get_socket_cookie);
    code_.jump_if_null(r0, done_);
    code_.move(r7, r0);
    code_.store(Width::twin, stack, kCookie, r7);
    code_.load(Width::half, r0, stack, kPorts);
    code_.from_network(r0, 16);
    code_.alu(BPF_AND, r0, kDepartures - 1);
    code_.store(Width::word, stack, kIndex, r0);
    look_up(departures_fd_, kIndex);
    code_.jump_if_null(r0, done_);
    code_.move(r8, r0);
    code_.call(BPF_FUNC_ktime_get_ns);
    code_.store(Width::twin, stack, kNow, r0);
  }

  void look_up(int map_fd, std::int32_t key) {
    code_.set_map(r1, map_fd);
    code_.address(r2, stack, key);
    code_.call(BPF_FUNC_map_lookup_elem);
  }

  // refresh_known is all there is to do when this socket's last packet left between the same ends.
  void refresh_known() {
    const auto other = code_.label();
    code_.load(Width::twin, r0, r8, offset(offsetof(Departure, cookie)));
    code_.jump_if_different(r0, r7, other);
    for (std::int32_t at = 0; at < offset(sizeof(DepartureKey)); at += 8) {
      code_.load(Width::twin, r0, r8, offset(offsetof(Departure, key)) + at);
      code_.load(Width::twin, r1, stack, kKey + at);
      code_.jump_if_different(r0, r1, other);
    }
    code_.load(Width::twin, r0, stack, kNow);
    code_.store(Width::twin, r8, offset(offsetof(Departure, at)), r0);
    code_.go(done_);
    code_.place(other);
  }

  // write_anew leaves a place alone that somebody else is writing: that packet has no note then.
  void write_anew() {
    const auto unknown = code_.label();
    const auto written = code_.label();
    constexpr std::int32_t kMaker = offset(offsetof(Departure, maker));
    look_up(makers_fd_, kCookie);
    code_.move(r9, r0);
    code_.set(r1, 1);
    code_.fetch(BPF_OR, r8, offset(offsetof(Departure, turn)), r1);
    code_.alu(BPF_AND, r1, 1);
    code_.jump_if(BPF_JNE, r1, 0, done_);
    code_.load(Width::twin, r0, stack, kNow);
    code_.store(Width::twin, r8, offset(offsetof(Departure, at)), r0);
    code_.store(Width::twin, r8, offset(offsetof(Departure, cookie)), r7);
    copy(code_, r8, offset(offsetof(Departure, key)), stack, kKey, sizeof(DepartureKey));
    code_.jump_if_null(r9, unknown);
    copy(code_, r8, kMaker, r9, 0, sizeof(SocketMaker));
    code_.go(written);
    code_.place(unknown);  // older than the map or the program: not the one who was here before
    clear(code_, r8, kMaker, sizeof(SocketMaker));
    code_.place(written);
    code_.set(r1, 1);
    code_.fetch(BPF_ADD, r8, offset(offsetof(Departure, turn)), r1);
  }

  ExtendedAssembler code_;
  int makers_fd_;
  int departures_fd_;
  ExtendedAssembler::Label done_;
};

}  // namespace

std::vector<bpf_insn> write_birth_program(int makers_fd, std::uint64_t network_namespace) {
  constexpr std::int32_t kCookie = -8;
  constexpr std::int32_t kMaker = kCookie - offset(sizeof(SocketMaker));
  ExtendedAssembler code;
  const auto done = code.label();
  code.move(r6, r1);
  code.call(BPF_FUNC_get_netns_cookie);
  code.set_wide(r1, network_namespace);
  code.jump_if_different(r0, r1, done);
  code.move(r1, r6);
  code.call(BPF_FUNC_get_socket_cookie);
  code.store(Width::twin, stack, kCookie, r0);
  code.call(BPF_FUNC_ktime_get_ns);
  code.store(Width::twin, stack, kMaker + offset(offsetof(SocketMaker, since)), r0);
  code.call(BPF_FUNC_get_current_uid_gid);
  code.store(Width::word, stack, kMaker + offset(offsetof(SocketMaker, uid)), r0);
  code.call(BPF_FUNC_get_current_pid_tgid);
  code.shift_down(r0, 32);  // the process in the upper half, the thread in the lower
  code.store(Width::word, stack, kMaker + offset(offsetof(SocketMaker, pid)), r0);

  code.set_map(r1, makers_fd);
  code.address(r2, stack, kCookie);
  code.address(r3, stack, kMaker);
  code.set(r4, BPF_ANY);
  code.call(BPF_FUNC_map_update_elem);
  return finish(code, done);
}

std::vector<bpf_insn> write_departure_program(int makers_fd, int departures_fd) {
  return DepartureProgram{makers_fd, departures_fd}.write();
}

}  // namespace gnomon
