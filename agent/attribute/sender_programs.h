// The two programs by which the kernel notes whose socket a packet leaves from.

#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gnomon {

// SocketMaker is what the kernel remembers of a socket by its cookie: who made it.
struct SocketMaker {
  std::uint64_t since = 0;  // in nanoseconds of the monotonic clock
  std::uint32_t pid = 0;    // of the whole process, in the first process namespace; 0: not known
  std::uint32_t uid = 0;    // in the first user namespace
};

// DepartureKey says between which ends a packet leaves, in network order. IPv4 fills eight bytes.
struct DepartureKey {
  std::uint8_t addresses[32] = {};  // NOLINT(modernize-avoid-c-arrays): laid out for the kernel
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t kind = 0;  // departure_kind()
};

constexpr std::uint32_t departure_kind(unsigned ip_version, unsigned protocol) {
  return (ip_version << 8U) | protocol;
}

// Departure is one place in the memory that the kernel writes and we read: the last flow that began
// at a local port of its number modulo kDepartures, and who made its socket.
//
// `turn` is odd while somebody writes; when it is the same even number before and after reading,
// what was read belongs together. `at` is written alone.
struct Departure {
  std::uint64_t turn = 0;
  std::uint64_t at = 0;  // when the last packet left that a flow begins with; as SocketMaker::since
  std::uint64_t cookie = 0;
  DepartureKey key;
  SocketMaker maker;
};
static_assert(sizeof(SocketMaker) == 16 && sizeof(DepartureKey) == 40 && sizeof(Departure) == 80);

// A note is read within milliseconds: so many flows may begin meanwhile. 160 KiB.
constexpr std::uint32_t kDepartures = 2048;

// So many sockets are known by their maker; the one not used for longest goes first. A browser has
// 300. About 100 bytes of the kernel's memory each.
constexpr std::uint32_t kSocketMakers = 4096;

// write_birth_program is for BPF_CGROUP_INET_SOCK_CREATE: it notes the maker of each socket of one
// network namespace in a map of SocketMaker by cookie. It never refuses a socket.
std::vector<bpf_insn> write_birth_program(int makers_fd, std::uint64_t network_namespace);

// write_departure_program is for BPF_CGROUP_INET_EGRESS. Of a packet that begins a flow (the SYN of
// TCP, UDP to port 53, QUIC's long headers) it notes whose socket it leaves from, in an array of
// kDepartures. It lets every packet through.
std::vector<bpf_insn> write_departure_program(int makers_fd, int departures_fd);

}  // namespace gnomon
