#include "agent/attribute/process_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <memory>
#include <string_view>

namespace gnomon {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// The target of a symbolic link, empty when it cannot be read.
std::string link_target(const std::string& path) {
  std::array<char, 512> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size <= 0 ? std::string{} : std::string{target.data(), static_cast<std::size_t>(size)};
}

std::string first_line(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return {};
  }
  std::array<char, 64> text{};
  const ssize_t size = ::read(descriptor, text.data(), text.size());
  ::close(descriptor);
  std::string line{text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  return line.substr(0, line.find('\n'));
}

}  // namespace

std::optional<RunningProgram> ProcessTable::find(std::uint32_t inode) {
  const std::string socket = "socket:[" + std::to_string(inode) + "]";
  if (!last_pid_.empty() && holds(last_pid_, socket)) {
    return program_of(last_pid_);
  }
  ++scans_;
  const Directory all{::opendir(proc_.c_str())};
  if (!all) {
    return std::nullopt;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the directory stream is ours alone
  while (const dirent* entry = ::readdir(all.get())) {
    const std::string pid{entry->d_name};
    if (is_number(pid) && pid != last_pid_ && holds(pid, socket)) {
      last_pid_ = pid;
      return program_of(pid);
    }
  }
  return std::nullopt;
}

bool ProcessTable::holds(const std::string& pid, const std::string& socket) const {
  const std::string folder = proc_ + "/" + pid + "/fd";
  const Directory descriptors{::opendir(folder.c_str())};
  if (!descriptors) {
    return false;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the directory stream is ours alone
  while (const dirent* entry = ::readdir(descriptors.get())) {
    if (is_number(entry->d_name) && link_target(folder + "/" + entry->d_name) == socket) {
      return true;
    }
  }
  return false;
}

std::optional<RunningProgram> ProcessTable::program_of(const std::string& pid) const {
  RunningProgram program;
  std::from_chars(pid.data(), pid.data() + pid.size(), program.pid);
  // The program file names the program; the process's own name is that of its main thread, which
  // browsers set to things like "Socket Process".
  std::string path = link_target(proc_ + "/" + pid + "/exe");
  if (const auto deleted = path.rfind(" (deleted)"); deleted != std::string::npos) {
    path.resize(deleted);  // updated while running
  }
  program.name = path.substr(path.rfind('/') + 1);
  if (program.name.empty()) {
    program.name = first_line(proc_ + "/" + pid + "/comm");
  }
  program.name.resize(std::min(program.name.size(), kMaxProgramName));
  return program;
}

}  // namespace gnomon
