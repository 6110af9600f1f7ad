// KernelFilter: the program by which the kernel drops bulk data before it costs us anything.

#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace gnomon {

// FilterScope says on which interfaces the filter lets anything through.
struct FilterScope {
  bool only_listed = false;               // true: `interfaces` alone; false: all but them
  std::vector<std::uint32_t> interfaces;  // indexes; at most kMaxFilterInterfaces count
  std::uint32_t loopback = 0;             // index of the loopback, 0 when it is left out
  std::uint32_t snaplen = 4096;

  bool operator==(const FilterScope&) const = default;
};

constexpr std::size_t kMaxFilterInterfaces = 64;

// Tails says whether the short last segments of split hellos pass by their look. A filter that
// remembers flows (flow_filter.h) knows them without.
enum class Tails : std::uint8_t { passed, left_out };

// FilterCell names the scratch cells in which the program leaves what it found on its way.
struct FilterCell {
  static constexpr std::uint32_t kTransport = 0;  // where the transport header begins
  static constexpr std::uint32_t kOutbound = 1;   // 1 when this machine sent the packet
  static constexpr std::uint32_t kProtocol = 2;   // of the transport header
  static constexpr std::uint32_t kNetwork = 3;    // where the IP header begins
};
constexpr std::uint32_t kFilterCells = 4;

// build_kernel_filter assembles classic BPF for a packet socket on all interfaces that shows
// packets from their network header on (as libpcap's "any" device opens it). README.md tells in
// words what passes and why.
std::vector<sock_filter> build_kernel_filter(const FilterScope& scope, Tails tails = Tails::passed);

}  // namespace gnomon
