// The policy commands of the collector's admin socket.

#pragma once

#include "collector/enrol/admin_server.h"
#include "collector/enrol/policy_book.h"

namespace gnomon {

// policy_commands carries out, and passes everything else on to `others`:
//   policy show                  -> one row: version, created, and every key
//   policy set  KEY=... [reason] -> the same row, as it is now
//   policy history               -> rows: version, when, by, change, reason
// The book must outlive it.
AdminHandler policy_commands(PolicyBook& book, AdminHandler others);

}  // namespace gnomon
