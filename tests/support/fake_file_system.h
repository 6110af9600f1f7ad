// FakeFileSystem: files in memory that forget what was not synced.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/file.h"

namespace gnomon::testing {

// FakeFileSystem is strict where POSIX is: bytes survive a power cut only if the file was synced
// afterwards, names only if their folder was. A power cut keeps any prefix of the unsynced bytes,
// sometimes with rubbish in the last of them.
//
// Open files keep a pointer to the system; after power_cut() they all fail with EIO.
class FakeFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>, IoError> open(const std::string& path, OpenMode mode) override;
  Result<std::unique_ptr<FileLock>, IoError> lock(const std::string& path) override;
  Result<Ok, IoError> rename(const std::string& from, const std::string& to) override;
  Result<Ok, IoError> remove(const std::string& path) override;
  Result<bool, IoError> exists(const std::string& path) const override;
  Result<Ok, IoError> make_directory(const std::string& path) override;
  Result<std::vector<std::string>, IoError> list(const std::string& directory) const override;
  Result<Ok, IoError> sync_directory(const std::string& directory) override;
  Result<std::uint64_t, IoError> free_bytes(const std::string& directory) const override;

  // power_cut forgets what was not synced. `random` picks how much of it happens to be there.
  void power_cut(std::mt19937& random);

  // set_capacity bounds the sum of all files; appends beyond it fail with ENOSPC after writing
  // what fits.
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }

  // fail_after lets the next `operations` changes (append, sync, rename, remove, truncate, open
  // for writing) pass and fails all later ones with EIO, until disarm().
  void fail_after(std::uint64_t operations) { left_ = operations; }
  void disarm() { left_ = UINT64_MAX; }
  std::uint64_t changes() const { return changes_; }

  // Direct hands on the bytes, for damage. The change is durable.
  std::string* contents(const std::string& path);
  std::vector<std::string> paths() const;

  struct Node {
    std::string data;
    std::string synced;
  };

 private:
  friend class FakeFile;
  friend class FakeLock;

  bool spend();  // false: this change fails
  std::uint64_t used() const;

  std::map<std::string, std::shared_ptr<Node>> names_;
  std::map<std::string, std::shared_ptr<Node>> durable_names_;
  std::set<std::string> locks_;
  std::uint64_t capacity_ = UINT64_MAX;
  std::uint64_t left_ = UINT64_MAX;
  std::uint64_t changes_ = 0;
  std::uint64_t boot_ = 0;
};

}  // namespace gnomon::testing
