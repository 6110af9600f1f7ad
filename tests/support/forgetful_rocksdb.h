// The same forgetting under RocksDB: an environment whose unsynced writes do not outlive a kill.

#pragma once

#include <memory>

#include "tests/support/power_cut.h"

namespace rocksdb {
class Env;
}

namespace gnomon::testing {

// forgetful_env is RocksDB's usual environment with notes taken of what it syncs. Files that
// RocksDB only informs with (its LOG) are not watched. `notes` must outlive it.
std::unique_ptr<rocksdb::Env> forgetful_env(PowerCutNotes& notes);

}  // namespace gnomon::testing
