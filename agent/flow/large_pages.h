// LargePages: room for big tables in pages of two megabytes, where the system has them.

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>

#include "core/check.h"

namespace gnomon {

// LargePages is an allocator for tables that are read at random. With pages of 4 KiB each look into
// a table of megabytes is also a look for its page, and in a virtual machine that costs more than
// the memory itself. Small tables stay in small pages: a large one that is hardly used would cost
// memory. The system may have no large pages; nothing changes then but the speed.
template <typename T>
struct LargePages {
  using value_type = T;  // NOLINT(readability-identifier-naming): the name allocators have

  static constexpr std::size_t kPageBytes = std::size_t{2} << 20;
  static constexpr std::size_t kLeastBytes = 2 * kPageBytes;

  LargePages() = default;
  template <typename U>
  explicit LargePages(const LargePages<U>& /*other*/) {}

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    const bool large = bytes >= kLeastBytes;
    const std::size_t page = large ? kPageBytes : alignof(T);
    void* room = std::aligned_alloc(page, (bytes + page - 1) / page * page);
    GNOMON_CHECK(room != nullptr);
    if (large) {
      // A refusal means small pages, as without.
      static_cast<void>(::madvise(room, bytes, MADV_HUGEPAGE));
    }
    return static_cast<T*>(room);
  }
  void deallocate(T* room, std::size_t /*count*/) { std::free(room); }

  bool operator==(const LargePages& /*other*/) const { return true; }
};

}  // namespace gnomon
