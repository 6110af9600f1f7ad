#include "tests/support/forgetful_rocksdb.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <string>
#include <utility>

#include "core/file.h"

namespace gnomon::testing {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// RocksDB joins folder and file with a slash of its own, whatever the folder ends with.
std::string plain(const std::string& path) {
  std::string plain;
  for (const char c : path) {
    if (c != '/' || plain.empty() || plain.back() != '/') {
      plain += c;
    }
  }
  if (plain.size() > 1 && plain.back() == '/') {
    plain.pop_back();
  }
  return plain;
}

class ForgetfulWritable final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  ForgetfulWritable(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
                    PowerCutNotes& notes)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), notes_(notes) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const std::uint64_t size = GetFileSize(options, debug);
    const IOStatus flushed = Flush(options, debug);
    if (flushed.ok()) {
      notes_.after_sync(path_, size);
    }
    return flushed;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    notes_.before_truncate(path_, size);
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }

 private:
  std::string path_;
  PowerCutNotes& notes_;
};

class ForgetfulDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  ForgetfulDirectory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path,
                     PowerCutNotes& notes)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), notes_(notes) {}

  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    notes_.after_directory_sync(path_);
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& /*why*/) override {
    return Fsync(options, debug);
  }

 private:
  std::string path_;
  PowerCutNotes& notes_;
};

class ForgetfulRocks final : public rocksdb::FileSystemWrapper {
 public:
  explicit ForgetfulRocks(PowerCutNotes& notes)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), notes_(notes) {}

  const char* Name() const override { return "gnomon.forgetful"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    notes_.before_create(plain(path));
    return wrapped(target()->NewWritableFile(path, options, file, debug), path, file);
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    std::uint64_t size = 0;
    if (target()->GetFileSize(path, options.io_options, &size, debug).ok()) {
      notes_.opened(plain(path), size);
    } else {
      notes_.before_create(plain(path));
    }
    return wrapped(target()->ReopenWritableFile(path, options, file, debug), path, file);
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                             const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext* debug) override {
    notes_.before_rename(plain(old_path), plain(path));
    return wrapped(target()->ReuseWritableFile(path, old_path, options, file, debug), path, file);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* debug) override {
    const IOStatus opened = target()->NewDirectory(path, options, directory, debug);
    if (opened.ok()) {
      *directory = std::make_unique<ForgetfulDirectory>(std::move(*directory), plain(path), notes_);
    }
    return opened;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    notes_.before_rename(plain(from), plain(to));
    return target()->RenameFile(from, to, options, debug);
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    const IOStatus removed = target()->DeleteFile(path, options, debug);
    if (removed.ok()) {
      notes_.after_remove(plain(path));
    }
    return removed;
  }
  IOStatus Truncate(const std::string& path, std::size_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    notes_.before_truncate(plain(path), size);
    return target()->Truncate(path, size, options, debug);
  }

 private:
  IOStatus wrapped(IOStatus opened, const std::string& path,
                   std::unique_ptr<rocksdb::FSWritableFile>* file) {
    if (opened.ok()) {
      *file = std::make_unique<ForgetfulWritable>(std::move(*file), plain(path), notes_);
    }
    return opened;
  }

  PowerCutNotes& notes_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> forgetful_env(PowerCutNotes& notes) {
  return rocksdb::NewCompositeEnv(std::make_shared<ForgetfulRocks>(notes));
}

}  // namespace gnomon::testing
