// ByteFeed: a window that slides over an input, so that records can be read in place.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "agent/capture/byte_input.h"
#include "core/byte_reader.h"

namespace gnomon {

// ByteFeed keeps a stretch of its input contiguous in memory.
//
// It reads into one buffer that fits the second-level cache and is used again and again: the
// bytes of a record are then hot when they are looked at. On the machines measured, this takes a
// third of the processor time of libpcap's reader and half of that of a mapping, whose pages have
// to be faulted in and dropped (README.md has the figures).
class ByteFeed {
 public:
  explicit ByteFeed(std::unique_ptr<ByteInput> input);

  // want yields at least `count` bytes from the current place, fewer only at the end of the input
  // or when it failed (see error()). They are good until the next want() or skip().
  Bytes want(std::size_t count) {
    if (count > end_ - begin_) [[unlikely]] {
      fill(count);
    }
    return ready();
  }

  // ready is what want() would give without reading.
  Bytes ready() const { return Bytes{buffer_}.subspan(begin_, end_ - begin_); }

  // drop moves on by `count` bytes that want() has shown.
  void drop(std::size_t count) { begin_ += count; }

  // skip moves on by `count` bytes, however many; false when the input ends before.
  bool skip(std::uint64_t count);

  // error is what ended the input early, or nullptr when it just ended or goes on.
  const CaptureError* error() const { return error_.get(); }

 private:
  void fill(std::size_t count);

  std::unique_ptr<ByteInput> input_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
  std::unique_ptr<CaptureError> error_;
};

}  // namespace gnomon
