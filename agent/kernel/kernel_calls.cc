#include "agent/kernel/kernel_calls.h"

#include <sys/syscall.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace gnomon {
namespace {

// blank_attributes has all bytes at 0, as the kernel wants those that it does not know yet.
bpf_attr blank_attributes() {
  bpf_attr attributes{};
  std::memset(&attributes, 0, sizeof(attributes));
  return attributes;
}

Result<KernelObject, IoError> bpf(int command, bpf_attr& attributes, const char* operation,
                                  const char* what) {
  const long descriptor = ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
  if (descriptor < 0) {
    return Failure{IoError{operation, what, {errno, std::generic_category()}}};
  }
  return KernelObject{static_cast<int>(descriptor)};
}

}  // namespace

Result<KernelObject, IoError> make_map(const MapShape& shape, const char* what) {
  bpf_attr attributes = blank_attributes();
  attributes.map_type = shape.type;
  attributes.key_size = shape.key_bytes;
  attributes.value_size = shape.value_bytes;
  attributes.max_entries = shape.entries;
  attributes.map_flags = shape.flags;
  return bpf(BPF_MAP_CREATE, attributes, "make", what);
}

Result<KernelObject, IoError> load_program(bpf_prog_type type, bpf_attach_type where,
                                           std::span<const bpf_insn> program, const char* what) {
  bpf_attr attributes = blank_attributes();
  attributes.prog_type = type;
  attributes.expected_attach_type = where;
  attributes.insns = std::bit_cast<std::uintptr_t>(program.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  // The kernel asks under which licence a program stands; ours, and no helper it uses wants GPL.
  static constexpr const char* kLicence = "Apache-2.0";
  attributes.license = std::bit_cast<std::uintptr_t>(kLicence);
  return bpf(BPF_PROG_LOAD, attributes, "load", what);
}

Result<KernelObject, IoError> attach_to_cgroup(const KernelObject& program, int cgroup,
                                               bpf_attach_type where, const char* what) {
  bpf_attr attributes = blank_attributes();
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.descriptor());
  attributes.link_create.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.link_create.attach_type = where;
  return bpf(BPF_LINK_CREATE, attributes, "attach", what);
}

}  // namespace gnomon
