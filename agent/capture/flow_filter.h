// FlowFilter: the kernel filter that remembers where each connection of this machine began.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "agent/capture/kernel_filter.h"
#include "agent/kernel/kernel_object.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// FlowFilter is a program of extended BPF around the classic filter (build_kernel_filter, without
// its rule for tails), and two maps of the kernel: which interfaces count, and where the bytes that
// may hold a hello lie in each outgoing TCP flow. What lies there passes in any order, cut in any
// way, and again when it is sent again; the rest of an upload stays in the kernel to the last
// segment. README.md tells in words what passes.
//
// Loading needs CAP_BPF (or root) once; what follows needs no right and no system call, so it
// goes on after the process gave up its privileges.
class FlowFilter {
 public:
  // kFlows is how many outgoing connections are remembered at a time, about 130 bytes of the
  // kernel's memory each; the one not touched for longest goes first.
  static constexpr std::uint32_t kFlows = 8192;

  // load makes program and maps. `loopback` is the index of the loopback interface, 0 for none. No
  // interface counts before choose(). Fails where the kernel is too old (before 5.5) or the right
  // is missing.
  static Result<std::unique_ptr<FlowFilter>, IoError> load(std::uint32_t snaplen,
                                                           std::uint32_t loopback);
  FlowFilter(const FlowFilter&) = delete;
  FlowFilter& operator=(const FlowFilter&) = delete;
  ~FlowFilter();

  // choose lets the interfaces of `scope` in, at once. Its other members do not matter here.
  void choose(const FilterScope& scope);

  // attach puts the program on a packet socket that shows packets from their network header on.
  Result<Ok, IoError> attach(int socket) const;

 private:
  FlowFilter(KernelObject program, std::span<std::uint64_t> interfaces)
      : program_(std::move(program)), interfaces_(interfaces) {}

  KernelObject program_;                 // holds its maps
  std::span<std::uint64_t> interfaces_;  // shared with the kernel: one for each index, 1 counts
};

}  // namespace gnomon
