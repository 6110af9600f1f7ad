// Backup: a consistent copy of all that a collector keeps, made while it runs.

#pragma once

#include <string>

#include "collector/enrol/admin_server.h"
#include "collector/store/store.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// make_backup makes the folder `to`, which must not exist: the store as it stood at one moment,
// and the authority. It may be served from like any data folder. On the same file system it costs
// next to no room, for tables are linked, not copied; it is a backup only once it lies elsewhere.
//
// The folder appears under its name when it is whole and on disk. After a failure there is none.
Result<Ok, IoError> make_backup(FileSystem& files, const Store& store, const std::string& data,
                                const std::string& to);

// backup_commands carries out
//   backup  to: absolute path of the folder to make
// and hands everything else on. Store and files must outlive it.
AdminHandler backup_commands(FileSystem& files, const Store& store, std::string data,
                             AdminHandler others);

}  // namespace gnomon
