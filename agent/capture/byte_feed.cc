#include "agent/capture/byte_feed.h"

#include <algorithm>
#include <span>

namespace gnomon {
namespace {

// Measured from 64 KiB to 1 MiB: the same time from 64 KiB to 256 KiB, growing from there.
constexpr std::size_t kBufferBytes = std::size_t{128} * 1024;

}  // namespace

ByteFeed::ByteFeed(std::unique_ptr<ByteInput> input)
    : input_(std::move(input)), buffer_(kBufferBytes) {}

void ByteFeed::fill(std::size_t count) {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (count > buffer_.size()) {
    buffer_.resize(count);
  }
  while (!ended_ && end_ < count) {
    auto got = input_->read(std::span{buffer_}.subspan(end_));
    if (!got) {
      error_ = std::make_unique<CaptureError>(got.error());
      ended_ = true;
    } else if (*got == 0) {
      ended_ = true;
    } else {
      end_ += *got;
    }
  }
}

bool ByteFeed::skip(std::uint64_t count) {
  while (count > 0) {
    const std::size_t here =
        static_cast<std::size_t>(std::min<std::uint64_t>(count, want(1).size()));
    if (here == 0) {
      return false;
    }
    drop(here);
    count -= here;
  }
  return true;
}

}  // namespace gnomon
