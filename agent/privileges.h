// Privileges: what the agent gives up once its sockets are open.

#pragma once

#include <string>

#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// Keep says which rights stay. All others go, for good: no program this process starts, and
// nothing that breaks into it, gets them back.
struct Keep {
  bool capture = false;        // CAP_NET_RAW: to follow interfaces that come later
  bool see_processes = false;  // CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: for attribution
};

// drop_privileges gives up all capabilities but those to keep, for the calling thread and those
// it starts later: call it before any thread is started. Fine for a process that has none.
Result<Ok, IoError> drop_privileges(Keep keep);

// confine puts a seccomp filter over the calling thread and those it starts later: no new programs,
// no tracing, no kernel modules, mounts, key rings or the like. Those calls fail with EPERM.
Result<Ok, IoError> confine();

// may_capture says whether this process has the right to open a raw socket.
bool may_capture();

}  // namespace gnomon
