// Privileges: what the agent gives up once its sockets are open. confinement.h takes more.

#pragma once

#include <string>

#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// Keep says which rights stay. All others go, for good: no program this process starts, and
// nothing that breaks into it, gets them back.
struct Keep {
  bool capture = false;        // CAP_NET_RAW: to open capture sockets
  bool see_processes = false;  // CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: for attribution
};

// drop_privileges gives up all capabilities but those to keep, for the calling thread and those
// it starts later: call it before any thread is started. Fine for a process that has none.
Result<Ok, IoError> drop_privileges(Keep keep);

// may_capture says whether this process has the right to open a raw socket.
bool may_capture();

}  // namespace gnomon
