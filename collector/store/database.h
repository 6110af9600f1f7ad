// Database: the opened RocksDB with its column families. Inside collector/store only.

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <cstdint>
#include <memory>
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
class Database {
 public:
  static Result<std::unique_ptr<Database>, StoreError> open(const StoreOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return handles_[static_cast<std::size_t>(family)];
  }
  const std::string& path() const { return path_; }

  Result<std::optional<std::string>, IoError> get(Family family, std::string_view key) const;
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
  Database() = default;

  std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace gnomon::store
