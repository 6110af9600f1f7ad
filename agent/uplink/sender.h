// Sender: under which name the collector has what this machine sent.

#pragma once

#include <string>

#include "agent/spool/spool.h"
#include "agent/uplink/identity.h"
#include "core/file.h"

namespace gnomon {

// settle_sender compares the identity with the one that sent before, noted in the file at `path`,
// and notes it. A machine that enrolled again at the same collector (its root is the same) begins
// its spool anew: what was acknowledged is stored under its former name and would be counted
// twice, what waits is sent under the new one. At another collector everything that is kept is
// sent, for that one has nothing yet.
//
// Call it before the first connection of an identity. A failure of the disk leaves the spool as it
// is: what was acknowledged is then sent once more.
void settle_sender(FileSystem& files, const std::string& path, const Identity& identity,
                   Spool& spool);

}  // namespace gnomon
