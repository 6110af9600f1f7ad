// Files as the spool and the key stores need them: narrow, and replaceable by a file system that
// forgets unsynced data.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// File is one open file. Closed by its destructor, which syncs nothing. One thread at a time.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // append writes all bytes at the end, or fails; after a failure some of them may be there.
  virtual Result<Ok, IoError> append(Bytes bytes) = 0;

  // read_at fills `into` from `offset` on and yields how many bytes there were: fewer only at the
  // end of the file.
  virtual Result<std::size_t, IoError> read_at(std::uint64_t offset,
                                               std::span<std::uint8_t> into) const = 0;

  // sync returns once the contents would survive a power cut; a new file's name does only after
  // FileSystem::sync_directory(). After a failed sync nothing is known about unsynced bytes.
  virtual Result<Ok, IoError> sync() = 0;

  virtual Result<Ok, IoError> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t, IoError> size() const = 0;
};

// FileLock holds an exclusive lock until it is destroyed; the system frees it when we die.
class FileLock {
 public:
  FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  read,        // must exist
  append,      // must exist; reading is allowed too
  create_new,  // must not exist; mode 0600; appending and reading
};

// FileSystem opens and names files. Paths are absolute or relative to the working folder. New
// files are 0600 and new folders 0700: everything we write is somebody's data or a key.
class FileSystem {
 public:
  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>, IoError> open(const std::string& path, OpenMode mode) = 0;

  // lock makes the file if need be and locks it; fails with EWOULDBLOCK when another holds it.
  virtual Result<std::unique_ptr<FileLock>, IoError> lock(const std::string& path) = 0;

  // rename replaces `to` atomically. Durable only after sync_directory().
  virtual Result<Ok, IoError> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<Ok, IoError> remove(const std::string& path) = 0;
  virtual Result<bool, IoError> exists(const std::string& path) const = 0;

  // make_directory makes it and its missing parents; fine when it is there.
  virtual Result<Ok, IoError> make_directory(const std::string& path) = 0;

  // list gives the names (not paths) of the files in a folder, sorted.
  virtual Result<std::vector<std::string>, IoError> list(const std::string& directory) const = 0;
  virtual Result<Ok, IoError> sync_directory(const std::string& directory) = 0;

  // free_bytes is what an unprivileged process may still write there.
  virtual Result<std::uint64_t, IoError> free_bytes(const std::string& directory) const = 0;
};

// PosixFileSystem is the machine's own. Safe from every thread; its files are not.
class PosixFileSystem final : public FileSystem {
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
};

// read_whole_file yields the contents, or EFBIG when there are more than `limit` bytes.
Result<std::string, IoError> read_whole_file(FileSystem& files, const std::string& path,
                                             std::size_t limit);

enum class Durable : std::uint8_t { no, yes };

// replace_file puts `contents` in place of `path` so that a reader, also one after a crash of the
// process, sees the old or the new contents and nothing between. With Durable::yes the new ones
// would survive a power cut when it returns. The temporary file is `path` + ".new".
Result<Ok, IoError> replace_file(FileSystem& files, const std::string& path,
                                 std::string_view contents, Durable durable = Durable::yes);

// parent_directory is everything before the last '/', "." without one.
std::string parent_directory(const std::string& path);

// bytes_of views text as bytes, for the many places that hash or write it.
inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// text_of is its inverse.
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace gnomon
