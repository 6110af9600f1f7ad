#include "collector/store/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "collector/store/merge.h"

namespace gnomon::store {
namespace {

// All memtables together; with the block cache this bounds what the store takes from the machine.
constexpr std::size_t kMemtableBytes = std::size_t{32} << 20;
constexpr std::size_t kCacheBytes = std::size_t{32} << 20;
constexpr std::uint64_t kMaxWalBytes = std::uint64_t{64} << 20;

// Opening writes a manifest, and what the logs hold becomes tables.
constexpr std::uint64_t kOpeningBytes = std::uint64_t{4} << 20;

// Who reads beside a running collector may find that a table of the list just read was compacted
// away: it reads the list again. A collector that has just started compacts for a second or two.
constexpr int kReadAttempts = 50;
constexpr std::chrono::milliseconds kReadAgain{100};

rocksdb::CompressionType best_compression() {
  const auto known = rocksdb::GetSupportedCompressions();
  for (const auto wanted : {rocksdb::kZSTD, rocksdb::kLZ4Compression}) {
    if (std::find(known.begin(), known.end(), wanted) != known.end()) {
      return wanted;
    }
  }
  return rocksdb::kNoCompression;
}

rocksdb::DBOptions db_options(const StoreOptions& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.atomic_flush = false;  // the log makes a write atomic across families
  // A torn last record is what a power cut leaves of a write nobody was told of. Anything else that
  // is damaged must stop us: it may have been acknowledged.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.db_write_buffer_size = kMemtableBytes;
  db.max_total_wal_size = kMaxWalBytes;
  db.max_background_jobs = 2;
  // A reader opens all tables at once, so that none can vanish under it later.
  db.max_open_files = options.read_only ? -1 : 512;
  db.keep_log_file_num = 4;
  db.max_log_file_size = std::size_t{1} << 20;
  db.info_log_level = rocksdb::WARN_LEVEL;
  if (options.env != nullptr) {
    db.env = options.env;
  }
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> families() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  std::vector<rocksdb::ColumnFamilyDescriptor> all;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    rocksdb::ColumnFamilyOptions family;
    family.compression = best_compression();
    family.write_buffer_size = std::size_t{8} << 20;
    family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    family.merge_operator = merge_operator(static_cast<Family>(i));
    all.emplace_back(kFamilyNames[i], family);
  }
  return all;
}

StoreError store_error(const std::string& path, const rocksdb::Status& status) {
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    return {StoreFault::busy, "another collector is using the data in " + path};
  }
  if (status.IsCorruption()) {
    return {StoreFault::damaged, "the store in " + path + " is damaged: " + status.ToString()};
  }
  if (status.IsInvalidArgument()) {
    return {StoreFault::newer_format,
            "the store in " + path + " was made by another version: " + status.ToString()};
  }
  return {StoreFault::unreachable,
          "the store in " + path + " cannot be opened: " + status.ToString()};
}

rocksdb::Status open_to_read(const StoreOptions& options,
                             std::vector<rocksdb::ColumnFamilyHandle*>& handles,
                             rocksdb::DB*& opened) {
  rocksdb::Status status;
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    handles.clear();
    status = rocksdb::DB::OpenForReadOnly(db_options(options), options.directory, families(),
                                          &handles, &opened);
    if (status.ok() || status.ToString().find("No such file") == std::string::npos) {
      break;
    }
    std::this_thread::sleep_for(kReadAgain);
  }
  return status;
}

// missing_parts says in words what a store's folder lacks; empty when it is whole or quite new.
// RocksDB would start an empty database over the remains.
std::string missing_parts(FileSystem& files, const std::string& path) {
  const auto names = files.list(path);
  if (!names) {
    return {};
  }
  const auto has = [&](std::string_view prefix) {
    return std::any_of(names->begin(), names->end(), [&](const std::string& name) {
      return name.compare(0, prefix.size(), prefix) == 0;
    });
  };
  const bool tables = std::any_of(names->begin(), names->end(), [](const std::string& name) {
    return name.size() > 4 && name.compare(name.size() - 4, 4, ".sst") == 0;
  });
  if (has("CURRENT") || (!has("MANIFEST-") && !tables)) {
    return {};
  }
  return "its file CURRENT is missing";
}

// lack_of_room says in words that the disk is too full to open the store; empty when it is not.
// RocksDB as distributions build it ends the process when a disk is full while it opens.
std::string lack_of_room(FileSystem& files, const std::string& path) {
  const auto free = files.free_bytes(path);
  const auto names = files.list(path);
  if (!free || !names) {
    return {};  // opening will say why
  }
  std::uint64_t needed = kOpeningBytes;
  for (const std::string& name : *names) {
    if (name.ends_with(".log")) {
      std::string file = path;
      file += '/';
      file += name;
      const auto log = files.open(file, OpenMode::read);
      const auto size = log ? (*log)->size() : Result<std::uint64_t, IoError>{std::uint64_t{0}};
      needed += size ? *size : 0;
    }
  }
  if (*free >= needed) {
    return {};
  }
  return "the disk is full: opening the store in " + path + " needs " +
         std::to_string((needed >> 20) + 1) + " MiB, " + std::to_string(*free >> 20) +
         " MiB are free";
}

}  // namespace

IoError io_error(std::string operation, const std::string& path, const rocksdb::Status& status) {
  int code = EIO;
  if (status.IsNoSpace()) {
    code = ENOSPC;
  } else if (status.IsNotSupported()) {
    code = EROFS;
  }
  return IoError{std::move(operation), path, std::error_code{code, std::generic_category()}};
}

std::string Database::end_of(std::string_view prefix) {
  std::string end{prefix};
  while (!end.empty() && static_cast<std::uint8_t>(end.back()) == 0xff) {
    end.pop_back();
  }
  if (!end.empty()) {
    end.back() = static_cast<char>(static_cast<std::uint8_t>(end.back()) + 1);
  }
  return end;
}

Result<std::unique_ptr<Database>, StoreError> Database::open(const StoreOptions& options) {
  const std::string& path = options.directory;
  PosixFileSystem files;
  if (options.read_only) {
    if (const auto exists = files.exists(path + "/CURRENT"); !exists || !*exists) {
      return Failure{StoreError{StoreFault::absent, "there is no store in " + path}};
    }
  } else if (const auto made = files.make_directory(path); !made) {
    return Failure{StoreError{StoreFault::unreachable, made.error().text()}};
  }
  if (const std::string missing = missing_parts(files, path); !missing.empty()) {
    return Failure{
        StoreError{StoreFault::damaged, "the store in " + path + " is damaged: " + missing}};
  }

  if (!options.read_only) {
    if (std::string lack = lack_of_room(files, path); !lack.empty()) {
      return Failure{StoreError{StoreFault::unreachable, std::move(lack)}};
    }
  }

  std::unique_ptr<Database> database{new Database{options}};
  if (const auto opened = database->open_rocksdb(); !opened) {
    return Failure{opened.error()};
  }
  return database;
}

Result<Ok, StoreError> Database::open_rocksdb() {
  rocksdb::DB* opened = nullptr;
  handles_.clear();
  const rocksdb::Status status =
      options_.read_only
          ? open_to_read(options_, handles_, opened)
          : rocksdb::DB::Open(db_options(options_), path_, families(), &handles_, &opened);
  if (!status.ok()) {
    handles_.clear();
    return Failure{store_error(path_, status)};
  }
  db_.reset(opened);
  return Ok{};
}

Database::~Database() {
  close();
}

void Database::close() {
  if (db_ == nullptr) {
    return;
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    static_cast<void>(db_->DestroyColumnFamilyHandle(handle));
  }
  handles_.clear();
  static_cast<void>(db_->Close());
  db_.reset();
}

Result<std::optional<std::string>, IoError> Database::get(Family wanted,
                                                          std::string_view key) const {
  if (!is_open()) {
    return Failure{closed()};
  }
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions{}, family(wanted), slice(key), &value);
  if (status.IsNotFound()) {
    return std::optional<std::string>{};
  }
  if (!status.ok()) {
    return Failure{io_error("read", path_, status)};
  }
  return std::optional{std::move(value)};
}

Result<Ok, IoError> Database::write(rocksdb::WriteBatch& batch, bool sync) const {
  if (!is_open()) {
    return Failure{closed()};
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  if (const auto status = db_->Write(options, &batch); !status.ok()) {
    return Failure{io_error("write", path_, status)};
  }
  return Ok{};
}

}  // namespace gnomon::store
