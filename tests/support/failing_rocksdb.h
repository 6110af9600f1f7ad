// A disk under RocksDB that gives input/output errors for a while.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace rocksdb {
class Env;
}

namespace gnomon::testing {

// DiskFault is what goes wrong at the moment.
enum class DiskFault : std::uint8_t {
  none,
  syncs,   // what is written arrives, but nothing becomes durable: fsync gives EIO
  writes,  // half of what is written arrives, then EIO; so do syncs, new files and renames
};

// failing_env is `under` (null: RocksDB's usual environment) on a disk that asks `fault` before
// every operation that writes. Reads always work. The errors are those that RocksDB's own file
// system makes of EIO. `fault` is called from many threads, and `under` must outlive it.
std::unique_ptr<rocksdb::Env> failing_env(std::function<DiskFault()> fault,
                                          rocksdb::Env* under = nullptr);

}  // namespace gnomon::testing
