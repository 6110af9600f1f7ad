// ProcessTable finds the process that holds a socket, in /proc.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gnomon {

// RunningProgram is a process by number and by the name of its program file.
struct RunningProgram {
  std::uint32_t pid = 0;
  std::string name;  // "firefox"; never arguments, at most kMaxProgramName bytes
};

// ProcessTable reads /proc/*/fd. The process that was found last is asked first, because one
// program opens most of a machine's connections; only then all of them are. For processes of other
// users it needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. For one thread.
class ProcessTable {
 public:
  static constexpr std::size_t kMaxProgramName = 64;

  // `proc` is where the kernel's process table is mounted.
  explicit ProcessTable(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // find yields who holds the socket with this inode; nothing when nobody does any more, or when
  // we may not look.
  std::optional<RunningProgram> find(std::uint32_t inode);

  // scans counts how often all processes had to be asked: each costs a millisecond or more.
  std::uint64_t scans() const { return scans_; }

 private:
  bool holds(const std::string& pid, const std::string& socket) const;
  std::optional<RunningProgram> program_of(const std::string& pid) const;

  std::string proc_;
  std::string last_pid_;
  std::uint64_t scans_ = 0;
};

}  // namespace gnomon
