// How a database comes back after an error of the disk.

#include <rocksdb/env.h>

#include <cerrno>
#include <string>

#include "collector/store/database.h"
#include "core/log.h"

namespace gnomon::store {
namespace {

constexpr std::string_view kProbeKey = "probe";

// A page of a file of its own is asked of the disk first.
constexpr std::size_t kProbeBytes = 4096;

// Answers are read in milliseconds, so that there is soon a moment in which nobody reads.
constexpr std::chrono::seconds kReadersEnd{2};

}  // namespace

Database::Pin::Pin(const Database& database) : database_(database) {
  const std::lock_guard lock{database.mutex_};
  ++database.pins_;
  open_ = database.is_open();
}

Database::Pin::~Pin() {
  bool last = false;
  {
    const std::lock_guard lock{database_.mutex_};
    last = --database_.pins_ == 0;
  }
  if (last) {
    database_.unpinned_.notify_all();
  }
}

IoError Database::closed() const {
  return IoError{"open again", path_, std::error_code{EIO, std::generic_category()}};
}

Result<Ok, IoError> Database::recover() {
  // As long as the disk refuses, what is stored can at least be read.
  if (auto taken = try_disk(); !taken) {
    return taken;
  }
  if (is_open()) {
    static_cast<void>(db_->Resume());
    if (write_probe()) {
      return Ok{};
    }
  }
  if (auto opened = reopen(); !opened) {
    return opened;
  }
  return write_probe();
}

Result<Ok, IoError> Database::reopen() {
  std::unique_lock lock{mutex_};
  if (!unpinned_.wait_for(lock, kReadersEnd, [&] { return pins_ == 0; })) {
    return Failure{io_error("open again", path_, rocksdb::Status::Busy())};
  }
  close();
  if (const auto opened = open_rocksdb(); !opened) {
    log::warn("store.not_opened_again", {{"reason", opened.error().text}});
    return Failure{closed()};
  }
  log::info("store.opened_again");
  return Ok{};
}

Result<Ok, IoError> Database::write_probe() const {
  rocksdb::WriteBatch batch;
  static_cast<void>(batch.Put(family(Family::info), slice(kProbeKey), "1"));
  return write(batch, true);
}

Result<Ok, IoError> Database::try_disk() const {
  rocksdb::Env* env = options_.env != nullptr ? options_.env : rocksdb::Env::Default();
  const std::string name = path_ + "/probe";
  std::unique_ptr<rocksdb::WritableFile> file;
  auto status = env->NewWritableFile(name, &file, rocksdb::EnvOptions{});
  if (status.ok()) {
    status = file->Append(std::string(kProbeBytes, '\0'));
  }
  if (status.ok()) {
    status = file->Sync();
  }
  if (file != nullptr) {
    static_cast<void>(file->Close());
    file.reset();
    static_cast<void>(env->DeleteFile(name));
  }
  if (!status.ok()) {
    return Failure{io_error("write", name, status)};
  }
  return Ok{};
}

}  // namespace gnomon::store
