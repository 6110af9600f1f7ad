#include "core/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace gnomon {
namespace {

Failure<IoError> failure(const char* operation, const std::string& path, int number = errno) {
  return Failure{IoError{operation, path, std::error_code(number, std::generic_category())}};
}

// Descriptor closes on every way out. A failed close is not reported: what matters was synced.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }

  int number() const { return number_; }

 private:
  int number_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<Ok, IoError> append(Bytes bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_.number(), bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) {
          continue;
        }
        return failure("write", path_);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return Ok{};
  }

  Result<std::size_t, IoError> read_at(std::uint64_t offset,
                                       std::span<std::uint8_t> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t got = ::pread(descriptor_.number(), into.data() + done, into.size() - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) {
          continue;
        }
        return failure("read", path_);
      }
      if (got == 0) {
        break;
      }
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<Ok, IoError> sync() override {
    if (::fdatasync(descriptor_.number()) != 0) {
      return failure("sync", path_);
    }
    return Ok{};
  }

  Result<Ok, IoError> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_.number(), static_cast<off_t>(size)) != 0) {
      return failure("truncate", path_);
    }
    return Ok{};
  }

  Result<std::uint64_t, IoError> size() const override {
    struct stat status {};
    if (::fstat(descriptor_.number(), &status) != 0) {
      return failure("stat", path_);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

}  // namespace

Result<std::unique_ptr<File>, IoError> PosixFileSystem::open(const std::string& path,
                                                             OpenMode mode) {
  int flags = O_CLOEXEC;
  switch (mode) {
    case OpenMode::read:
      flags |= O_RDONLY;
      break;
    case OpenMode::append:
      flags |= O_RDWR | O_APPEND;
      break;
    case OpenMode::create_new:
      flags |= O_RDWR | O_APPEND | O_CREAT | O_EXCL;
      break;
  }
  Descriptor descriptor(::open(path.c_str(), flags, 0600));
  if (descriptor.number() < 0) {
    return failure("open", path);
  }
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(descriptor), path));
}

Result<std::unique_ptr<FileLock>, IoError> PosixFileSystem::lock(const std::string& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (descriptor.number() < 0) {
    return failure("open", path);
  }
  if (::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0) {
    return failure("lock", path);
  }
  return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(descriptor)));
}

Result<Ok, IoError> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return failure("rename", from);
  }
  return Ok{};
}

Result<Ok, IoError> PosixFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    return failure("remove", path);
  }
  return Ok{};
}

Result<bool, IoError> PosixFileSystem::exists(const std::string& path) const {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    return true;
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    return false;
  }
  return failure("stat", path);
}

Result<Ok, IoError> PosixFileSystem::make_directory(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (!part.empty() && ::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return failure("mkdir", part);
    }
    if (end == std::string::npos) {
      break;
    }
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return failure("stat", path);
  }
  if (!S_ISDIR(status.st_mode)) {
    return failure("mkdir", path, ENOTDIR);
  }
  return Ok{};
}

Result<std::vector<std::string>, IoError> PosixFileSystem::list(
    const std::string& directory) const {
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) {
    return failure("list", directory);
  }
  std::vector<std::string> names;
  // Only we read this stream, so readdir is safe here. NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = &entry->d_name[0];
    if (name != "." && name != "..") {
      names.push_back(name);
    }
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

Result<Ok, IoError> PosixFileSystem::sync_directory(const std::string& directory) {
  const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.number() < 0) {
    return failure("open", directory);
  }
  if (::fsync(descriptor.number()) != 0) {
    return failure("sync", directory);
  }
  return Ok{};
}

Result<std::uint64_t, IoError> PosixFileSystem::free_bytes(const std::string& directory) const {
  struct statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) {
    return failure("statvfs", directory);
  }
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

Result<std::string, IoError> read_whole_file(FileSystem& files, const std::string& path,
                                             std::size_t limit) {
  auto file = files.open(path, OpenMode::read);
  if (!file) {
    return Failure{file.error()};
  }
  const auto size = (*file)->size();
  if (!size) {
    return Failure{size.error()};
  }
  if (*size > limit) {
    return failure("read", path, EFBIG);
  }
  std::string contents(static_cast<std::size_t>(*size), '\0');
  const auto got = (*file)->read_at(
      0, std::span(reinterpret_cast<std::uint8_t*>(contents.data()), contents.size()));
  if (!got) {
    return Failure{got.error()};
  }
  contents.resize(*got);
  return contents;
}

Result<Ok, IoError> replace_file(FileSystem& files, const std::string& path,
                                 std::string_view contents, Durable durable) {
  const std::string temporary = path + ".new";
  static_cast<void>(files.remove(temporary));  // of an earlier, interrupted attempt
  {
    auto file = files.open(temporary, OpenMode::create_new);
    if (!file) {
      return Failure{file.error()};
    }
    if (auto written = (*file)->append(bytes_of(contents)); !written) {
      return written;
    }
    if (durable == Durable::yes) {
      if (auto synced = (*file)->sync(); !synced) {
        return synced;
      }
    }
  }
  if (auto renamed = files.rename(temporary, path); !renamed) {
    return renamed;
  }
  if (durable == Durable::yes) {
    return files.sync_directory(parent_directory(path));
  }
  return Ok{};
}

std::string parent_directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace gnomon
