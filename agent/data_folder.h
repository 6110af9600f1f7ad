// DataFolder: where an agent keeps everything, and who may use it.

#pragma once

#include <memory>
#include <string>

#include "core/file.h"

namespace gnomon {

// DataFolder names what lies in the folder. Making one touches nothing.
class DataFolder {
 public:
  explicit DataFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string spool() const { return path_ + "/spool"; }
  std::string spool_key() const { return path_ + "/spool.key"; }
  std::string memory() const { return path_ + "/memory"; }
  std::string user_key() const { return path_ + "/user.key"; }
  std::string status() const { return path_ + "/status"; }
  std::string pack() const { return path_ + "/catalogue.pack"; }
  std::string overlay() const { return path_ + "/overlay.pack"; }
  std::string unknowns() const { return path_ + "/unknowns"; }
  std::string unknowns_key() const { return path_ + "/unknowns.key"; }
  std::string policy() const { return path_ + "/policy"; }
  std::string sender() const { return path_ + "/sender"; }
  std::string collector() const { return path_ + "/collector"; }
  std::string identity() const { return path_ + "/identity"; }

  // lock makes the folder if need be and claims it for this process, until the lock is destroyed.
  // Throws AgentError when another process has it or it cannot be used.
  std::unique_ptr<FileLock> lock(FileSystem& files) const;

 private:
  std::string path_;
};

}  // namespace gnomon
