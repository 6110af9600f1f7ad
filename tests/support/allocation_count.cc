#include "tests/support/allocation_count.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> count{0};
std::atomic<std::ptrdiff_t> live{0};

std::ptrdiff_t size_of(void* block) {
  return static_cast<std::ptrdiff_t>(::malloc_usable_size(block));
}

void* allocate(std::size_t size) {
  void* block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) {
    std::abort();
  }
  count.fetch_add(1, std::memory_order_relaxed);
  live.fetch_add(size_of(block), std::memory_order_relaxed);
  return block;
}

void release(void* block) noexcept {
  if (block != nullptr) {
    live.fetch_sub(size_of(block), std::memory_order_relaxed);
    std::free(block);
  }
}

}  // namespace

namespace gnomon::testing {

std::uint64_t allocations() {
  return count.load(std::memory_order_relaxed);
}

std::ptrdiff_t live_bytes() {
  return live.load(std::memory_order_relaxed);
}

}  // namespace gnomon::testing

void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return allocate(size);
}
void operator delete(void* block) noexcept {
  release(block);
}
void operator delete[](void* block) noexcept {
  release(block);
}
void operator delete(void* block, std::size_t) noexcept {
  release(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  release(block);
}
void operator delete(void* block, const std::nothrow_t& /*tag*/) noexcept {
  release(block);
}
void operator delete[](void* block, const std::nothrow_t& /*tag*/) noexcept {
  release(block);
}
