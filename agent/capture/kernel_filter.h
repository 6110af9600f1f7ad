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

// build_kernel_filter assembles classic BPF for a packet socket on all interfaces that shows
// packets from their network header on (as libpcap's "any" device opens it). README.md tells in
// words what passes and why.
std::vector<sock_filter> build_kernel_filter(const FilterScope& scope);

}  // namespace gnomon
