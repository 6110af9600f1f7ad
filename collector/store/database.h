// Database: the opened RocksDB with its column families. Inside collector/store only.

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/store.h"
#include "core/file.h"

namespace gnomon::store {

// The column families, in the order of kFamilyNames.
enum class Family : std::uint8_t {
  info,
  batches,
  cursors,
  days,
  tools,
  agents,
  health,
  gaps,
  meta,
  unknowns
};
constexpr std::size_t kFamilies = 10;
constexpr std::array<const char*, kFamilies> kFamilyNames{"default", "batches", "cursors", "days",
                                                          "tools",   "agents",  "health",  "gaps",
                                                          "meta",    "unknowns"};

// The families that rebuild() makes anew.
constexpr std::array<Family, 6> kTotals{Family::days,   Family::tools, Family::agents,
                                        Family::health, Family::gaps,  Family::unknowns};

inline rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view view(const rocksdb::Slice& run) {
  return {run.data(), run.size()};
}

IoError io_error(std::string operation, const std::string& path, const rocksdb::Status& status);

// Database closes everything in its destructor. Safe from every thread.
//
// After an error of the disk it may be closed and opened anew, by recover(). Whoever is not the
// thread that calls recover() holds a Pin while he works with it. While it is closed, because
// opening failed, everything that reads or writes fails with closed(); family() and db() must not
// be called.
class Database {
 public:
  static Result<std::unique_ptr<Database>, StoreError> open(const StoreOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Pin keeps a database from being closed. Making one waits while it is opened anew. True: it is
  // open. One thread may hold several.
  class Pin {
   public:
    explicit Pin(const Database& database);
    ~Pin();
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    explicit operator bool() const { return open_; }

   private:
    const Database& database_;
    bool open_ = false;
  };

  // recover makes RocksDB write again after an error, when the disk takes data again. It refuses
  // all writes after one that failed; of a full disk it can be told to resume, after any other
  // error it must be opened anew: what was not acknowledged may then be there or not, as after a
  // kill. Fails while the disk does, or when somebody has been reading all the while.
  Result<Ok, IoError> recover();

  bool is_open() const { return db_ != nullptr; }
  IoError closed() const;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return handles_[static_cast<std::size_t>(family)];
  }
  const std::string& path() const { return path_; }

  Result<std::optional<std::string>, IoError> get(Family wanted, std::string_view key) const;
  Result<Ok, IoError> write(rocksdb::WriteBatch& batch, bool sync) const;

  // scan visits keys from `prefix` on that begin with it; a null snapshot reads the newest state.
  template <typename Visit>
  Result<Ok, IoError> scan(Family family, std::string_view prefix,
                           const rocksdb::Snapshot* snapshot, const Visit& visit) const {
    return scan_range(family, prefix, end_of(prefix), snapshot, visit);
  }

  // scan_range visits keys from `begin` on, before `end` (empty: no end).
  template <typename Visit>
  Result<Ok, IoError> scan_range(Family family, std::string_view begin, const std::string& end,
                                 const rocksdb::Snapshot* snapshot, const Visit& visit) const {
    if (!is_open()) {
      return Failure{closed()};
    }
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    const rocksdb::Slice bound = slice(end);
    if (!end.empty()) {
      options.iterate_upper_bound = &bound;
    }
    const std::unique_ptr<rocksdb::Iterator> cursor{
        db_->NewIterator(options, this->family(family))};
    for (cursor->Seek(slice(begin)); cursor->Valid(); cursor->Next()) {
      if (!visit(view(cursor->key()), view(cursor->value()))) {
        return Ok{};
      }
    }
    if (!cursor->status().ok()) {
      return Failure{io_error("read", path_, cursor->status())};
    }
    return Ok{};
  }

  // end_of is the first key behind all that begin with `prefix`; empty when there is none.
  static std::string end_of(std::string_view prefix);

 private:
  explicit Database(const StoreOptions& options) : options_(options), path_(options.directory) {}

  Result<Ok, StoreError> open_rocksdb();
  void close();
  Result<Ok, IoError> reopen();
  Result<Ok, IoError> write_probe() const;
  Result<Ok, IoError> try_disk() const;

  const StoreOptions options_;
  const std::string path_;
  // Changed only while there is no Pin, by the thread that recovers.
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;

  mutable std::mutex mutex_;  // held while it is opened anew
  mutable std::condition_variable unpinned_;
  mutable std::size_t pins_ = 0;  // guarded by mutex_
};

}  // namespace gnomon::store
