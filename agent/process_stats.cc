#include "agent/process_stats.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace gnomon {
namespace {

// The second number of /proc/self/statm, in pages.
std::uint64_t resident_pages() {
  const int descriptor = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return 0;
  }
  std::array<char, 128> text{};
  const ssize_t size = ::read(descriptor, text.data(), text.size());
  ::close(descriptor);
  const std::string_view line{text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  const auto blank = line.find(' ');
  std::uint64_t pages = 0;
  if (blank != std::string_view::npos) {
    std::from_chars(line.data() + blank + 1, line.data() + line.size(), pages);
  }
  return pages;
}

std::uint64_t milliseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 +
         static_cast<std::uint64_t>(time.tv_usec) / 1000;
}

}  // namespace

ProcessStats process_stats() {
  ProcessStats stats;
  stats.resident_bytes = resident_pages() * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    stats.cpu_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
  }
  return stats;
}

}  // namespace gnomon
