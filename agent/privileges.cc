#include "agent/privileges.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "core/rights.h"

namespace gnomon {

bool may_capture() {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> had{};
  return ::syscall(SYS_capget, &header, had.data()) == 0 &&
         (had[0].effective & (std::uint32_t{1} << CAP_NET_RAW)) != 0;
}

Result<Ok, IoError> drop_privileges(Keep keep) {
  if (keep.capture && keep.see_processes) {
    return give_up_rights({CAP_NET_RAW, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH});
  }
  if (keep.capture) {
    return give_up_rights({CAP_NET_RAW});
  }
  return keep.see_processes ? give_up_rights({CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH})
                            : give_up_rights();
}

}  // namespace gnomon
