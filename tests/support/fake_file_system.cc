#include "tests/support/fake_file_system.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace gnomon::testing {
namespace {

Failure<IoError> failure(const char* operation, const std::string& path, int number) {
  return Failure{IoError{operation, path, std::error_code(number, std::generic_category())}};
}

}  // namespace

class FakeFile final : public File {
 public:
  FakeFile(FakeFileSystem& system, std::shared_ptr<FakeFileSystem::Node> node, std::string path,
           bool writable)
      : system_(system),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        boot_(system.boot_) {}

  Result<Ok, IoError> append(Bytes bytes) override {
    if (!writable_) {
      return failure("write", path_, EBADF);
    }
    if (dead() || !system_.spend()) {
      return failure("write", path_, EIO);
    }
    const std::uint64_t used = system_.used();
    const std::uint64_t room = system_.capacity_ > used ? system_.capacity_ - used : 0;
    const std::size_t fits = static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size()));
    node_->data.append(text_of(bytes.first(fits)));
    if (fits < bytes.size()) {
      return failure("write", path_, ENOSPC);
    }
    return Ok{};
  }

  Result<std::size_t, IoError> read_at(std::uint64_t offset,
                                       std::span<std::uint8_t> into) const override {
    if (dead()) {
      return failure("read", path_, EIO);
    }
    if (offset >= node_->data.size()) {
      return std::size_t{0};
    }
    const std::size_t count = std::min<std::size_t>(into.size(), node_->data.size() - offset);
    std::copy_n(node_->data.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }

  Result<Ok, IoError> sync() override {
    if (dead() || !system_.spend()) {
      return failure("sync", path_, EIO);
    }
    node_->synced = node_->data;
    return Ok{};
  }

  Result<Ok, IoError> truncate(std::uint64_t size) override {
    if (dead() || !system_.spend()) {
      return failure("truncate", path_, EIO);
    }
    node_->data.resize(static_cast<std::size_t>(size));
    return Ok{};
  }

  Result<std::uint64_t, IoError> size() const override {
    if (dead()) {
      return failure("stat", path_, EIO);
    }
    return static_cast<std::uint64_t>(node_->data.size());
  }

 private:
  bool dead() const { return boot_ != system_.boot_; }

  FakeFileSystem& system_;
  std::shared_ptr<FakeFileSystem::Node> node_;
  std::string path_;
  bool writable_;
  std::uint64_t boot_;
};

class FakeLock final : public FileLock {
 public:
  FakeLock(FakeFileSystem& system, std::string path)
      : system_(system), path_(std::move(path)), boot_(system.boot_) {}
  FakeLock(const FakeLock&) = delete;
  FakeLock& operator=(const FakeLock&) = delete;
  ~FakeLock() override {
    if (boot_ == system_.boot_) {
      system_.locks_.erase(path_);
    }
  }

 private:
  FakeFileSystem& system_;
  std::string path_;
  std::uint64_t boot_;
};

bool FakeFileSystem::spend() {
  ++changes_;
  if (left_ == UINT64_MAX) {
    return true;
  }
  if (left_ == 0) {
    return false;
  }
  --left_;
  return true;
}

std::uint64_t FakeFileSystem::used() const {
  std::uint64_t sum = 0;
  for (const auto& [path, node] : names_) {
    sum += node->data.size();
  }
  return sum;
}

Result<std::unique_ptr<File>, IoError> FakeFileSystem::open(const std::string& path,
                                                            OpenMode mode) {
  const auto found = names_.find(path);
  if (mode == OpenMode::create_new) {
    if (!spend()) {
      return failure("open", path, EIO);
    }
    if (found != names_.end()) {
      return failure("open", path, EEXIST);
    }
    auto node = std::make_shared<Node>();
    names_[path] = node;
    return std::unique_ptr<File>(std::make_unique<FakeFile>(*this, std::move(node), path, true));
  }
  if (found == names_.end()) {
    return failure("open", path, ENOENT);
  }
  return std::unique_ptr<File>(
      std::make_unique<FakeFile>(*this, found->second, path, mode == OpenMode::append));
}

Result<std::unique_ptr<FileLock>, IoError> FakeFileSystem::lock(const std::string& path) {
  if (!locks_.insert(path).second) {
    return failure("lock", path, EWOULDBLOCK);
  }
  return std::unique_ptr<FileLock>(std::make_unique<FakeLock>(*this, path));
}

Result<Ok, IoError> FakeFileSystem::rename(const std::string& from, const std::string& to) {
  if (!spend()) {
    return failure("rename", from, EIO);
  }
  const auto found = names_.find(from);
  if (found == names_.end()) {
    return failure("rename", from, ENOENT);
  }
  auto node = found->second;
  names_.erase(found);
  names_[to] = std::move(node);
  return Ok{};
}

Result<Ok, IoError> FakeFileSystem::remove(const std::string& path) {
  if (!names_.contains(path)) {
    return failure("remove", path, ENOENT);
  }
  if (!spend()) {
    return failure("remove", path, EIO);
  }
  names_.erase(path);
  return Ok{};
}

Result<bool, IoError> FakeFileSystem::exists(const std::string& path) const {
  return names_.contains(path);
}

Result<Ok, IoError> FakeFileSystem::make_directory(const std::string&) {
  return Ok{};
}

Result<std::vector<std::string>, IoError> FakeFileSystem::list(const std::string& directory) const {
  std::vector<std::string> found;
  for (const auto& [path, node] : names_) {
    if (parent_directory(path) == directory) {
      found.push_back(path.substr(directory.size() + 1));
    }
  }
  return found;
}

Result<Ok, IoError> FakeFileSystem::sync_directory(const std::string& directory) {
  if (!spend()) {
    return failure("sync", directory, EIO);
  }
  std::erase_if(durable_names_,
                [&](const auto& entry) { return parent_directory(entry.first) == directory; });
  for (const auto& [path, node] : names_) {
    if (parent_directory(path) == directory) {
      durable_names_[path] = node;
    }
  }
  return Ok{};
}

Result<std::uint64_t, IoError> FakeFileSystem::free_bytes(const std::string&) const {
  const std::uint64_t sum = used();
  return capacity_ > sum ? capacity_ - sum : 0;
}

void FakeFileSystem::power_cut(std::mt19937& random) {
  ++boot_;
  locks_.clear();
  left_ = UINT64_MAX;
  names_ = durable_names_;
  for (auto& [path, node] : names_) {
    std::string kept = node->synced;
    if (node->data.size() > kept.size() && node->data.starts_with(kept)) {
      const std::size_t unsynced = node->data.size() - kept.size();
      const std::size_t lucky = random() % (unsynced + 1);
      kept += node->data.substr(kept.size(), lucky);
      if (lucky > 0 && random() % 4 == 0) {
        kept.back() = static_cast<char>(random() & 0xff);
      }
    }
    node->data = kept;
    node->synced = std::move(kept);
  }
}

std::string* FakeFileSystem::contents(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) {
    return nullptr;
  }
  return &found->second->data;
}

std::vector<std::string> FakeFileSystem::paths() const {
  std::vector<std::string> all;
  for (const auto& [path, node] : names_) {
    all.push_back(path);
  }
  return all;
}

}  // namespace gnomon::testing
