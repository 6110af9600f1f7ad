#include "agent/data_folder.h"

#include <cerrno>

#include "agent/agent_error.h"

namespace gnomon {

std::unique_ptr<FileLock> DataFolder::lock(FileSystem& files) const {
  if (const auto made = files.make_directory(path_); !made) {
    throw AgentError{"the data folder cannot be made: " + made.error().text()};
  }
  auto locked = files.lock(path_ + "/lock");
  if (!locked) {
    if (locked.error().code.value() == EWOULDBLOCK) {
      throw AgentError{"another gnomon-agent is using " + path_ +
                       "; stop it first, or give this one a folder of its own with --data"};
    }
    throw AgentError{"the data folder cannot be used: " + locked.error().text()};
  }
  return std::move(*locked);
}

}  // namespace gnomon
