// PowerCut: a process that is killed loses what it did not sync, as if the power had gone.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace gnomon::testing {

// PowerCutNotes writes down, beside real files, what of them is on disk: how many bytes of each
// were synced, and which names are new since their folder was. The files themselves lie in the
// page cache, which outlives a killed process; cut_power() then takes from them what a power cut
// would have taken.
//
// The notes lie in a folder of their own on the file system of the watched files (names that are
// replaced are kept there as links), the text in `notes`, which may lie elsewhere: a full disk
// must not stop the note taker. Removing counts as durable at once, and so does cutting a file
// short. Safe from every thread.
class PowerCutNotes {
 public:
  // Goes on with what `notes` says already.
  PowerCutNotes(std::string notes, std::string links);
  PowerCutNotes(const PowerCutNotes&) = delete;
  PowerCutNotes& operator=(const PowerCutNotes&) = delete;
  ~PowerCutNotes();

  void before_create(const std::string& path);
  void opened(const std::string& path, std::uint64_t size);  // was there, and counts as durable
  void after_sync(const std::string& path, std::uint64_t size);
  void before_truncate(const std::string& path, std::uint64_t size);
  void before_rename(const std::string& from, const std::string& to);
  void after_remove(const std::string& path);
  void after_directory_sync(const std::string& directory);

 private:
  void note(const std::string& line);

  const std::string links_;
  int descriptor_ = -1;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::uint64_t saved_ = 0;                                    // links made so far
  std::vector<std::pair<std::string, std::string>> replaced_;  // path and the link to what it was
};

// CutReport is what a power cut took.
struct CutReport {
  std::uint64_t names_undone = 0;  // files made or renamed since their folder was synced
  std::uint64_t files_cut = 0;     // lost unsynced bytes
  std::uint64_t bytes_forgotten = 0;
  std::uint64_t files_torn = 0;  // kept some unsynced bytes, the last of them wrong
};

// cut_power takes from the watched files what was not synced, and begins the notes anew. Changes
// of names happened in order, so any first part of the unsynced ones may have reached the disk,
// and any first part of a file's unsynced bytes: `random` draws which. The process that took the
// notes must be gone.
Result<CutReport, IoError> cut_power(const std::string& notes, const std::string& links,
                                     std::mt19937_64& random);

// ForgetfulFileSystem is the machine's own file system with notes taken of it. It never waits for
// the disk: what it calls synced survives the process, and only what it calls so survives a cut.
class ForgetfulFileSystem final : public FileSystem {
 public:
  explicit ForgetfulFileSystem(PowerCutNotes& notes) : notes_(notes) {}

  Result<std::unique_ptr<File>, IoError> open(const std::string& path, OpenMode mode) override;
  Result<std::unique_ptr<FileLock>, IoError> lock(const std::string& path) override;
  Result<Ok, IoError> rename(const std::string& from, const std::string& to) override;
  Result<Ok, IoError> remove(const std::string& path) override;
  Result<bool, IoError> exists(const std::string& path) const override;
  Result<Ok, IoError> make_directory(const std::string& path) override;
  Result<std::vector<std::string>, IoError> list(const std::string& directory) const override;
  Result<Ok, IoError> sync_directory(const std::string& directory) override;
  Result<std::uint64_t, IoError> free_bytes(const std::string& directory) const override;

 private:
  PowerCutNotes& notes_;
  PosixFileSystem files_;
};

}  // namespace gnomon::testing
