// ProcFolder: the kernel's process table, read with as few system calls as it takes.

#pragma once

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace gnomon {

// OpenFolder holds the descriptor of a folder, or none.
class OpenFolder {
 public:
  explicit OpenFolder(int descriptor) : descriptor_(descriptor) {}
  OpenFolder(OpenFolder&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFolder& operator=(OpenFolder&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  OpenFolder(const OpenFolder&) = delete;
  OpenFolder& operator=(const OpenFolder&) = delete;
  ~OpenFolder() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// NumberedNames goes through those names in a folder that are numbers: processes, descriptors. It
// allocates nothing. `folder` must stay open; it is read from where it stands.
class NumberedNames {
 public:
  explicit NumberedNames(const OpenFolder& folder) : descriptor_(folder.descriptor()) {}

  // next moves on; false at the end, and where the folder cannot be read any further.
  bool next();

  std::uint32_t number() const { return number_; }

  // behind is where in the folder the next name stands, as lseek(2) takes it.
  std::int64_t behind() const { return behind_; }

 private:
  // About thirty names: what is read of /proc beyond the wanted ones costs half a microsecond each.
  static constexpr std::size_t kBufferBytes = 1024;

  int descriptor_;
  std::uint32_t number_ = 0;
  std::int64_t behind_ = 0;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  alignas(std::uint64_t) std::array<char, kBufferBytes> buffer_{};
};

// ProcFolder opens /proc once, so that it also works where paths are not reachable any more. What
// a process is called or holds can be read for those of other users with CAP_SYS_PTRACE (and
// CAP_DAC_READ_SEARCH) alone. For one thread.
class ProcFolder {
 public:
  explicit ProcFolder(const std::string& path);

  // processes lists those whose number is `first` or higher, lowest first; where the folder is not
  // in order, all of them. One that lists at a time: the next call takes over the folder.
  NumberedNames processes(std::uint32_t first = 0) const;
  bool is_in_order() const { return places_begin_.has_value(); }

  // newest is the number that the kernel gave last, to a process or a thread; nothing where it does
  // not tell. Numbers grow until they begin again at the lowest free one.
  std::optional<std::uint32_t> newest() const;

  // user_of is whom a process runs as; 0 as well for one that does not want to be looked into.
  std::optional<std::uint32_t> user_of(std::uint32_t pid) const;

  // program_of is the name of the program file without its path, or the process's own name where
  // the file is hidden; empty for a process that is gone. Never arguments.
  std::string program_of(std::uint32_t pid) const;

  // descriptors_of opens the list of what a process holds open.
  OpenFolder descriptors_of(std::uint32_t pid) const;

  // socket_at is the inode of the socket behind a descriptor of that list; 0 for anything else.
  static std::uint32_t socket_at(const OpenFolder& descriptors, std::uint32_t number);

 private:
  void find_places();

  OpenFolder folder_;
  OpenFolder load_;  // /proc/loadavg
  // A process stands in the folder at its number and this; nothing where that does not hold.
  std::optional<std::int64_t> places_begin_;
};

}  // namespace gnomon
