// The commands about unknown domains of the collector's admin socket.

#pragma once

#include "collector/enrol/admin_server.h"
#include "collector/storage/meta_store.h"
#include "core/clock.h"

namespace gnomon {

// unknowns_commands carries out, and passes everything else on to `others`:
//   unknowns record -> rows: number, when, outcome, domain, devices, days, told, agreed
// The store and clock must outlive it.
AdminHandler unknowns_commands(MetaStore& store, const Clock& clock, AdminHandler others);

}  // namespace gnomon
