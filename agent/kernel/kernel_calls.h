// Makes maps, programs and attachments of the kernel's extended BPF (bpf(2)).

#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <span>

#include "agent/kernel/kernel_object.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// MapShape is what a map holds: `entries` of `value_bytes` each, found by `key_bytes`.
struct MapShape {
  bpf_map_type type = BPF_MAP_TYPE_ARRAY;
  std::uint32_t key_bytes = 0;
  std::uint32_t value_bytes = 0;
  std::uint32_t entries = 0;
  std::uint32_t flags = 0;
};

// make_map, load_program and attach_to_cgroup fail with the kernel's word for it; `what` stands in
// the error, and lives as long as the program does. All need CAP_BPF; programs for control groups
// need CAP_NET_ADMIN as well.
Result<KernelObject, IoError> make_map(const MapShape& shape, const char* what);
Result<KernelObject, IoError> load_program(bpf_prog_type type, bpf_attach_type where,
                                           std::span<const bpf_insn> program, const char* what);

// attach_to_cgroup lets a program run for all processes in a control group and those below it,
// beside the programs of others, for as long as the yielded object lives. Linux 5.7.
Result<KernelObject, IoError> attach_to_cgroup(const KernelObject& program, int cgroup,
                                               bpf_attach_type where, const char* what);

}  // namespace gnomon
