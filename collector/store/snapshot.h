// The Snapshot interface on RocksDB.

#pragma once

#include <memory>

#include "collector/storage/snapshot.h"
#include "collector/store/database.h"

namespace gnomon::store {

// take_snapshot reads `database`, which must outlive it.
std::unique_ptr<Snapshot> take_snapshot(const Database& database, StoreFacts facts);

}  // namespace gnomon::store
