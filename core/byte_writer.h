// ByteWriter appends big-endian fields to a growing buffer: the counterpart of ByteReader, for
// formats of our own and for the builders of tests.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/byte_reader.h"

namespace gnomon {

// ByteWriter owns its bytes until take() moves them out. It never fails but for memory.
class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16(std::uint16_t value) { number(value, 2); }
  void u24(std::uint32_t value) { number(value, 3); }
  void u32(std::uint32_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }
  void bytes(Bytes run) { bytes_.insert(bytes_.end(), run.begin(), run.end()); }
  void text(std::string_view run) { bytes_.insert(bytes_.end(), run.begin(), run.end()); }

  // reserve_length writes `width` zero bytes and returns their place for fill_length().
  std::size_t reserve_length(std::size_t width) {
    const std::size_t place = bytes_.size();
    bytes_.insert(bytes_.end(), width, std::uint8_t{0});
    return place;
  }

  // fill_length writes, into the `width` bytes at `place`, how many bytes follow them.
  void fill_length(std::size_t place, std::size_t width) {
    std::size_t length = bytes_.size() - place - width;
    for (std::size_t i = width; i > 0; --i) {
      bytes_[place + i - 1] = static_cast<std::uint8_t>(length & 0xff);
      length >>= 8;
    }
  }

  std::size_t size() const { return bytes_.size(); }
  Bytes view() const { return bytes_; }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  void number(std::uint64_t value, std::size_t width) {
    for (std::size_t i = width; i > 0; --i) {
      bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
    }
  }

  std::vector<std::uint8_t> bytes_;
};

}  // namespace gnomon
