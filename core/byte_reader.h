// ByteReader walks over bytes that came from the network and never reads past their end.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gnomon {

using Bytes = std::span<const std::uint8_t>;

// ByteReader reads big-endian fields from a borrowed run of bytes, front to back.
//
// A read that asks for more than is left fails the reader: it yields zero or an empty run,
// drops whatever was left, and ok() stays false from then on. So a parser may read a whole
// structure field by field and ask ok() once before it trusts any of them, and a loop
// `while (!reader.empty())` always ends.
//
// The bytes must outlive the reader and every run taken from it. Copying is cheap and gives
// an independent position. Not safe for use from two threads at once.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  std::size_t remaining() const { return rest_.size(); }

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(number(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }

  // take returns the next `count` bytes, still borrowed from the same buffer.
  Bytes take(std::size_t count) {
    // Compare against what is left, never `position + count`: that sum can wrap.
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  void skip(std::size_t count) { static_cast<void>(take(count)); }

  // block_u8, block_u16 and block_u24 read a length of that width and return a reader over
  // exactly that many bytes. If this reader is too short, both readers are failed.
  ByteReader block_u8() { return block(u8()); }
  ByteReader block_u16() { return block(u16()); }
  ByteReader block_u24() { return block(u24()); }

 private:
  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(width)) {
      value = (value << 8) | byte;
    }
    return value;
  }

  ByteReader block(std::size_t length) {
    ByteReader inner{take(length)};
    inner.ok_ = ok_;
    return inner;
  }

  void fail() {
    ok_ = false;
    rest_ = {};
  }

  Bytes rest_;
  bool ok_ = true;
};

}  // namespace gnomon
