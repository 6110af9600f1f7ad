#include "agent/memory_trim.h"

#include <malloc.h>
#include <sys/mman.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace gnomon {
namespace {

constexpr int kOwnMapping = 128 * 1024;  // glibc's own start value, which it raises by itself

struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// head_of reads "55d0-55e0 r-xp 00000000 fd:01 123   /path"; all zero unless it is a
// private mapping of a file that nobody can write through.
Mapping head_of(std::string_view line) {
  Mapping mapping;
  const char* const last = line.data() + line.size();
  const auto begin = std::from_chars(line.data(), last, mapping.begin, 16);
  if (begin.ec != std::errc{} || begin.ptr == last || *begin.ptr != '-') {
    return {};
  }
  const auto end = std::from_chars(begin.ptr + 1, last, mapping.end, 16);
  const std::string_view rest{end.ptr, static_cast<std::size_t>(last - end.ptr)};
  const bool fixed = rest.starts_with(" r-xp") || rest.starts_with(" r--p");
  return fixed && rest.find(" /") != std::string_view::npos ? mapping : Mapping{};
}

// is_zero tells whether a line is `name` with the value "0 kB".
bool is_zero(std::string_view line, std::string_view name) {
  return line.starts_with(name) && line.ends_with(" 0 kB");
}

// clean_mappings reads /proc/self/smaps.
std::vector<Mapping> clean_mappings() {
  std::vector<Mapping> found;
  std::ifstream maps{"/proc/self/smaps"};
  Mapping current;
  bool dirty = false;
  const auto finish = [&] {
    if (current.end != 0 && !dirty) {
      found.push_back(current);
    }
  };
  for (std::string line; std::getline(maps, line);) {
    const bool head = line.find('-') < line.find(' ');
    if (head) {
      finish();
      current = head_of(line);
      dirty = false;
    } else if ((line.starts_with("Anonymous:") && !is_zero(line, "Anonymous:")) ||
               (line.starts_with("Private_Dirty:") && !is_zero(line, "Private_Dirty:"))) {
      dirty = true;
    }
  }
  finish();
  return found;
}

}  // namespace

void bound_heap() {
#ifdef __GLIBC__
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before threads start
  static_cast<void>(::mallopt(M_ARENA_MAX, 1));
  // NOLINTNEXTLINE(concurrency-mt-unsafe): likewise
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, kOwnMapping));
#endif
}

void trim_memory() {
  for (const Mapping& mapping : clean_mappings()) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the system names places by number
    void* const at = reinterpret_cast<void*>(mapping.begin);
    static_cast<void>(::madvise(at, mapping.end - mapping.begin, MADV_DONTNEED));
  }
#ifdef __GLIBC__
  static_cast<void>(::malloc_trim(0));
#endif
}

}  // namespace gnomon
