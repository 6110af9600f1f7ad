// FlightBuffers: a fixed store of buffers in which segments are put in order.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/byte_reader.h"
#include "core/clock.h"

namespace gnomon {

// kMaxFlightBytes bounds what is held of one side: four times the largest hello seen from a
// browser, and every HTTP head that a server would take.
constexpr std::size_t kMaxFlightBytes = std::size_t{16} * 1024;

// FlightBuffers hands out buffers of two sizes, all allocated at the start.
//
// Each buffer knows which of its bytes have come: segments may be placed in any order, of any
// size, and more than once; the first copy of a byte wins. When all of a size are in use, the
// caller takes the one that was not touched for longest (oldest()) from its owner.
//
//   bytes    h e l l o . . w o r . .        . has not come
//            |         |         |
//            0         filled    high       bits in between tell what has come
class FlightBuffers {
 public:
  using Handle = std::uint32_t;
  static constexpr Handle kNone = 0xffffffff;
  static constexpr std::size_t kSmallBytes = 4096;

  // Owner is told back by owner(): whose side a buffer belongs to.
  using Owner = std::uint32_t;

  FlightBuffers(std::size_t small_count, std::size_t large_count);

  // acquire takes a free buffer of at least `bytes` (at most kMaxFlightBytes) or gives kNone.
  Handle acquire(std::size_t bytes, Owner owner, WallTime when);
  void release(Handle handle);

  // oldest is the buffer of the size that fits `bytes` which was not touched for longest.
  Handle oldest(std::size_t bytes) const;

  // place copies what has not come yet. `offset + run.size()` must fit the buffer.
  void place(Handle handle, std::size_t offset, Bytes run, WallTime when);

  // drop_front forgets the first `count` bytes (at most high()), push_front makes room for
  // `count` bytes before the first; high() + count must fit.
  void drop_front(Handle handle, std::size_t count);
  void push_front(Handle handle, std::size_t count);

  // grow moves the content to another, larger buffer and releases the old one.
  void grow(Handle from, Handle to);

  // view is what has come without a gap from the start; behind_gap is where the next byte that has
  // come lies, high() when there is none.
  Bytes view(Handle handle) const;
  std::size_t behind_gap(Handle handle) const;
  std::size_t filled(Handle handle) const { return buffers_[handle].filled; }
  std::size_t high(Handle handle) const { return buffers_[handle].high; }
  bool has_gap(Handle handle) const { return filled(handle) < high(handle); }
  std::size_t capacity(Handle handle) const {
    return handle < small_count_ ? kSmallBytes : kMaxFlightBytes;
  }
  Owner owner(Handle handle) const { return buffers_[handle].owner; }
  WallTime touched(Handle handle) const { return buffers_[handle].touched; }

  // Buffers that nothing came to for a while are looked at once, and then wait in a second row for
  // their end. front() is the longest-untouched of a row; age() moves it on.
  enum class Row : std::uint8_t { fresh, aged };
  Handle front(bool large, Row row) const { return list(large, row).head; }
  void age(Handle handle);

  std::size_t in_use() const { return in_use_; }

 private:
  struct Buffer {
    std::uint32_t filled = 0;
    std::uint32_t high = 0;
    Owner owner = 0;
    Handle before = kNone;
    Handle after = kNone;  // also links the free ones
    WallTime touched{};
    Row row = Row::fresh;
    bool used = false;
  };
  struct List {
    Handle head = kNone;
    Handle tail = kNone;
  };

  bool is_large(Handle handle) const { return handle >= small_count_; }
  List& list(bool large, Row row) { return lists_[large ? 1 : 0][row == Row::aged ? 1 : 0]; }
  const List& list(bool large, Row row) const {
    return lists_[large ? 1 : 0][row == Row::aged ? 1 : 0];
  }
  std::size_t begin_of(Handle handle) const {
    return handle < small_count_
               ? handle * kSmallBytes
               : small_count_ * kSmallBytes + (handle - small_count_) * kMaxFlightBytes;
  }
  std::span<std::uint8_t> bytes(Handle handle);
  Bytes bytes(Handle handle) const;
  std::span<std::uint64_t> bits(Handle handle);
  void link(Handle handle, Row row);
  void unlink(Handle handle);
  void close_gap(Handle handle);

  std::size_t small_count_;
  // All small buffers, then all large ones. Not set to anything: what was never used takes no
  // memory, and the bits say which bytes have come.
  std::size_t byte_count_;
  std::unique_ptr<std::uint8_t[]> bytes_;  // NOLINT(modernize-avoid-c-arrays): vectors set theirs
  std::vector<std::uint64_t> bits_;        // one for each byte, in the same order
  std::vector<Buffer> buffers_;
  std::array<Handle, 2> free_{kNone, kNone};  // small, large
  std::array<std::array<List, 2>, 2> lists_;
  std::size_t in_use_ = 0;
};

}  // namespace gnomon
