#include "agent/privileges.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace gnomon {
namespace {

using CapabilityData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

IoError fault(const char* operation) {
  return IoError{operation, "capabilities", {errno, std::generic_category()}};
}

__user_cap_header_struct header() {
  __user_cap_header_struct value{};
  value.version = _LINUX_CAPABILITY_VERSION_3;
  return value;
}

bool read_capabilities(CapabilityData& data) {
  __user_cap_header_struct head = header();
  return ::syscall(SYS_capget, &head, data.data()) == 0;
}

void allow(CapabilityData& kept, const CapabilityData& had, unsigned capability) {
  const std::size_t word = capability / 32;
  const std::uint32_t bit = std::uint32_t{1} << (capability % 32);
  kept[word].effective |= had[word].permitted & bit;
  kept[word].permitted |= had[word].permitted & bit;
}

}  // namespace

bool may_capture() {
  CapabilityData had{};
  return read_capabilities(had) && (had[0].effective & (std::uint32_t{1} << CAP_NET_RAW)) != 0;
}

Result<Ok, IoError> drop_privileges(Keep keep) {
  CapabilityData had{};
  if (!read_capabilities(had)) {
    return Failure{fault("read")};
  }
  // The bounding set first: lowering it needs a capability that is about to go. Without that
  // capability it does no harm that it stays, for no_new_privs keeps programs from using it.
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM) {
      return Failure{fault("bound")};
    }
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Failure{fault("renounce")};
  }
  static_cast<void>(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));

  CapabilityData kept{};
  if (keep.capture) {
    allow(kept, had, CAP_NET_RAW);
  }
  if (keep.see_processes) {
    allow(kept, had, CAP_SYS_PTRACE);
    allow(kept, had, CAP_DAC_READ_SEARCH);
  }
  __user_cap_header_struct head = header();
  if (::syscall(SYS_capset, &head, kept.data()) != 0) {
    return Failure{fault("drop")};
  }
  return Ok{};
}

Result<Ok, IoError> confine() {
  const auto failed = [](int error) {
    return Failure{IoError{"load", "seccomp filter", {-error, std::generic_category()}}};
  };
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) {
    return failed(-ENOMEM);
  }
  constexpr std::array kRefused{SCMP_SYS(execve),
                                SCMP_SYS(execveat),
                                SCMP_SYS(ptrace),
                                SCMP_SYS(process_vm_readv),
                                SCMP_SYS(process_vm_writev),
                                SCMP_SYS(init_module),
                                SCMP_SYS(finit_module),
                                SCMP_SYS(delete_module),
                                SCMP_SYS(kexec_load),
                                SCMP_SYS(kexec_file_load),
                                SCMP_SYS(mount),
                                SCMP_SYS(umount2),
                                SCMP_SYS(pivot_root),
                                SCMP_SYS(chroot),
                                SCMP_SYS(setns),
                                SCMP_SYS(unshare),
                                SCMP_SYS(add_key),
                                SCMP_SYS(keyctl),
                                SCMP_SYS(request_key),
                                SCMP_SYS(bpf),
                                SCMP_SYS(perf_event_open),
                                SCMP_SYS(userfaultfd),
                                SCMP_SYS(reboot),
                                SCMP_SYS(swapon),
                                SCMP_SYS(acct),
                                SCMP_SYS(quotactl),
                                SCMP_SYS(open_by_handle_at),
                                SCMP_SYS(personality),
                                SCMP_SYS(mknod),
                                SCMP_SYS(mknodat)};
  int error = 0;
  for (const int call : kRefused) {
#ifdef __SANITIZE_ADDRESS__
    // LeakSanitizer traces its own threads when the program ends.
    if (call == SCMP_SYS(ptrace)) {
      continue;
    }
#endif
    // A call that this machine's kernel does not have needs no rule.
    const int added = ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
    error = added != 0 && added != -EDOM ? added : error;
  }
  if (error == 0) {
    error = ::seccomp_load(filter);
  }
  ::seccomp_release(filter);
  if (error != 0) {
    return failed(error);
  }
  return Ok{};
}

}  // namespace gnomon
