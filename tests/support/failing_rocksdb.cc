#include "tests/support/failing_rocksdb.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <string>
#include <utility>

namespace gnomon::testing {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

using Fault = std::function<DiskFault()>;

IOStatus error() {
  return IOStatus::IOError("a disk that fails for a test", "Input/output error");
}

class FailingWritable final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FailingWritable(std::unique_ptr<rocksdb::FSWritableFile> file, const Fault& fault)
      : FSWritableFileOwnerWrapper(std::move(file)), fault_(fault) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (fault_() != DiskFault::writes) {
      return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }
    const Slice half{data.data(), data.size() / 2};
    static_cast<void>(FSWritableFileOwnerWrapper::Append(half, options, debug));
    return error();
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*checksum*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return fault_() == DiskFault::none ? FSWritableFileOwnerWrapper::Sync(options, debug) : error();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return fault_() == DiskFault::none ? FSWritableFileOwnerWrapper::Fsync(options, debug)
                                       : error();
  }

 private:
  const Fault& fault_;
};

class FailingDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  FailingDirectory(std::unique_ptr<rocksdb::FSDirectory> directory, const Fault& fault)
      : FSDirectoryWrapper(std::move(directory)), fault_(fault) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return fault_() == DiskFault::none ? FSDirectoryWrapper::Fsync(options, debug) : error();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& why) override {
    return fault_() == DiskFault::none
               ? FSDirectoryWrapper::FsyncWithDirOptions(options, debug, why)
               : error();
  }

 private:
  const Fault& fault_;
};

class FailingRocks final : public rocksdb::FileSystemWrapper {
 public:
  FailingRocks(Fault fault, const std::shared_ptr<rocksdb::FileSystem>& under)
      : FileSystemWrapper(under), fault_(std::move(fault)) {}

  const char* Name() const override { return "gnomon.failing"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    return writes() ? wrapped(target()->NewWritableFile(path, options, file, debug), file)
                    : error();
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    return writes() ? wrapped(target()->ReopenWritableFile(path, options, file, debug), file)
                    : error();
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                             const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext* debug) override {
    return writes()
               ? wrapped(target()->ReuseWritableFile(path, old_path, options, file, debug), file)
               : error();
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* debug) override {
    const IOStatus opened = target()->NewDirectory(path, options, directory, debug);
    if (opened.ok()) {
      *directory = std::make_unique<FailingDirectory>(std::move(*directory), fault_);
    }
    return opened;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    return writes() ? target()->RenameFile(from, to, options, debug) : error();
  }

 private:
  bool writes() const { return fault_() != DiskFault::writes; }

  IOStatus wrapped(IOStatus opened, std::unique_ptr<rocksdb::FSWritableFile>* file) {
    if (opened.ok()) {
      *file = std::make_unique<FailingWritable>(std::move(*file), fault_);
    }
    return opened;
  }

  const Fault fault_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> failing_env(std::function<DiskFault()> fault, rocksdb::Env* under) {
  rocksdb::Env* base = under != nullptr ? under : rocksdb::Env::Default();
  return rocksdb::NewCompositeEnv(
      std::make_shared<FailingRocks>(std::move(fault), base->GetFileSystem()));
}

}  // namespace gnomon::testing
