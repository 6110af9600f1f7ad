#include "agent/attribute/proc_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <cstring>
#include <string_view>

namespace gnomon {
namespace {

constexpr std::size_t kLongestPath = 32;  // "4194304/comm", "4194304/fd"

// How many neighbours must agree before places in /proc are reckoned with.
constexpr int kEnoughPlaces = 4;

// PathText writes "123" or "123/fd" without allocating.
class PathText {
 public:
  explicit PathText(std::uint32_t number, std::string_view tail = {}) {
    char* end = std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr;
    end += tail.copy(end, tail.size());
    *end = '\0';
  }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, kLongestPath> text_{};
};

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

bool NumberedNames::next() {
  for (;;) {
    if (at_ >= end_) {
      const ssize_t got = ::getdents64(descriptor_, buffer_.data(), buffer_.size());
      if (got <= 0) {
        return false;
      }
      at_ = 0;
      end_ = static_cast<std::size_t>(got);
    }
    const char* entry = buffer_.data() + at_;
    std::uint16_t length = 0;
    std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof(length));
    std::memcpy(&behind_, entry + offsetof(dirent64, d_off), sizeof(behind_));
    at_ += length;
    if (const auto number = number_in(entry + offsetof(dirent64, d_name))) {
      number_ = *number;
      return true;
    }
  }
}

ProcFolder::ProcFolder(const std::string& path)
    : folder_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
      load_(::openat(folder_.descriptor(), "loadavg", O_RDONLY | O_CLOEXEC)) {
  find_places();
}

// Linux lists processes by number, and has since 2.6.24 let a process stand at its number and a
// constant, so that the newest can be listed without the others. The constant is not promised to
// anybody: it is read off, and done without where it is none.
void ProcFolder::find_places() {
  NumberedNames names = processes();
  std::optional<std::int64_t> begin;
  std::int64_t place = -1;
  int agreeing = 0;
  while (names.next()) {
    const std::int64_t found = place - names.number();
    if (place >= 0 && begin && *begin != found) {
      return;
    }
    if (place >= 0) {
      begin = found;
      ++agreeing;
    }
    place = names.behind();
  }
  if (agreeing >= kEnoughPlaces) {
    places_begin_ = begin;
  }
}

NumberedNames ProcFolder::processes(std::uint32_t first) const {
  const std::int64_t place = places_begin_ && first > 0 ? *places_begin_ + first : 0;
  ::lseek(folder_.descriptor(), place, SEEK_SET);
  return NumberedNames{folder_};
}

std::optional<std::uint32_t> ProcFolder::newest() const {
  // "0.20 0.18 0.12 1/80 11206": the last one (proc_loadavg(5)).
  std::array<char, 128> text{};
  const ssize_t size = ::pread(load_.descriptor(), text.data(), text.size(), 0);
  if (size <= 0) {
    return std::nullopt;
  }
  std::string_view line{text.data(), static_cast<std::size_t>(size)};
  line = line.substr(0, line.find('\n'));
  return number_in(line.substr(line.rfind(' ') + 1));
}

std::optional<std::uint32_t> ProcFolder::user_of(std::uint32_t pid) const {
  struct stat about {};
  if (::fstatat(folder_.descriptor(), PathText{pid}.c_str(), &about, 0) != 0) {
    return std::nullopt;
  }
  return about.st_uid;
}

std::string ProcFolder::program_of(std::uint32_t pid) const {
  constexpr std::string_view kDeleted = " (deleted)";  // updated while running
  std::array<char, 512> text{};
  // The program file names the program; the process's own name is that of its main thread, which
  // browsers set to things like "Socket Process".
  ssize_t size =
      ::readlinkat(folder_.descriptor(), PathText{pid, "/exe"}.c_str(), text.data(), text.size());
  if (size > 0) {
    std::string_view path{text.data(), static_cast<std::size_t>(size)};
    path = path.substr(path.rfind('/') + 1);
    return std::string{path.substr(0, path.rfind(kDeleted))};
  }
  const OpenFolder comm{
      ::openat(folder_.descriptor(), PathText{pid, "/comm"}.c_str(), O_RDONLY | O_CLOEXEC)};
  size = comm.is_open() ? ::read(comm.descriptor(), text.data(), text.size()) : -1;
  const std::string_view line{text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  return std::string{line.substr(0, line.find('\n'))};
}

OpenFolder ProcFolder::descriptors_of(std::uint32_t pid) const {
  return OpenFolder{::openat(folder_.descriptor(), PathText{pid, "/fd"}.c_str(),
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

std::uint32_t ProcFolder::socket_at(const OpenFolder& descriptors, std::uint32_t number) {
  constexpr std::string_view kBefore = "socket:[";
  std::array<char, 32> text{};
  const ssize_t size =
      ::readlinkat(descriptors.descriptor(), PathText{number}.c_str(), text.data(), text.size());
  std::string_view target{text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  if (!target.starts_with(kBefore) || !target.ends_with(']')) {
    return 0;
  }
  target.remove_prefix(kBefore.size());
  target.remove_suffix(1);
  return number_in(target).value_or(0);
}

}  // namespace gnomon
