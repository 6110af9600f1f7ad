#include "agent/flow/flight_buffers.h"

#include <algorithm>

#include "core/check.h"

namespace gnomon {
namespace {

constexpr std::size_t kWordBits = 64;

bool bit(std::span<const std::uint64_t> words, std::size_t at) {
  return ((words[at / kWordBits] >> (at % kWordBits)) & 1U) != 0;
}

void set_bit(std::span<std::uint64_t> words, std::size_t at) {
  words[at / kWordBits] |= std::uint64_t{1} << (at % kWordBits);
}

void clear_bit(std::span<std::uint64_t> words, std::size_t at) {
  words[at / kWordBits] &= ~(std::uint64_t{1} << (at % kWordBits));
}

// shift_down moves every bit `count` places towards 0; those that fall out are gone.
void shift_down(std::span<std::uint64_t> words, std::size_t count) {
  const std::size_t whole = count / kWordBits;
  const std::size_t part = count % kWordBits;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t from = i + whole;
    const std::uint64_t low = from < words.size() ? words[from] : 0;
    const std::uint64_t high = from + 1 < words.size() ? words[from + 1] : 0;
    words[i] = part == 0 ? low : (low >> part) | (high << (kWordBits - part));
  }
}

void shift_up(std::span<std::uint64_t> words, std::size_t count) {
  const std::size_t whole = count / kWordBits;
  const std::size_t part = count % kWordBits;
  for (std::size_t i = words.size(); i-- > 0;) {
    const std::uint64_t high = i >= whole ? words[i - whole] : 0;
    const std::uint64_t low = i >= whole + 1 ? words[i - whole - 1] : 0;
    words[i] = part == 0 ? high : (high << part) | (low >> (kWordBits - part));
  }
}

}  // namespace

FlightBuffers::FlightBuffers(std::size_t small_count, std::size_t large_count)
    : small_count_(small_count),
      byte_count_(small_count * kSmallBytes + large_count * kMaxFlightBytes),
      // NOLINTNEXTLINE(modernize-avoid-c-arrays): see the header
      bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(byte_count_)),
      bits_(byte_count_ / kWordBits),
      buffers_(small_count + large_count) {
  GNOMON_CHECK(small_count > 0 && large_count > 0);
  for (std::size_t i = buffers_.size(); i-- > 0;) {
    Handle& free = free_[i < small_count ? 0 : 1];
    buffers_[i].after = free;
    free = static_cast<Handle>(i);
  }
}

FlightBuffers::Handle FlightBuffers::acquire(std::size_t bytes, Owner owner, WallTime when) {
  const std::size_t size = bytes > kSmallBytes ? 1 : 0;
  const Handle handle = free_[size];
  if (handle == kNone) {
    return kNone;
  }
  Buffer& buffer = buffers_[handle];
  free_[size] = buffer.after;
  buffer = Buffer{};
  buffer.owner = owner;
  buffer.touched = when;
  buffer.used = true;
  link(handle, Row::fresh);
  ++in_use_;
  return handle;
}

void FlightBuffers::release(Handle handle) {
  Buffer& buffer = buffers_[handle];
  GNOMON_CHECK(buffer.used);
  if (buffer.filled < buffer.high) {
    const auto words = bits(handle);
    std::fill_n(words.begin(), (buffer.high + kWordBits - 1) / kWordBits, std::uint64_t{0});
  }
  unlink(handle);
  Handle& free = free_[is_large(handle) ? 1 : 0];
  buffer.used = false;
  buffer.after = free;
  free = handle;
  --in_use_;
}

FlightBuffers::Handle FlightBuffers::oldest(std::size_t bytes) const {
  const bool large = bytes > kSmallBytes;
  const Handle aged = front(large, Row::aged);
  return aged != kNone ? aged : front(large, Row::fresh);
}

void FlightBuffers::place(Handle handle, std::size_t offset, Bytes run, WallTime when) {
  Buffer& buffer = buffers_[handle];
  GNOMON_CHECK(offset <= capacity(handle) && run.size() <= capacity(handle) - offset);
  buffer.touched = when;
  unlink(handle);
  link(handle, Row::fresh);
  if (offset < buffer.filled) {
    run = run.subspan(std::min(run.size(), buffer.filled - offset));
    offset = buffer.filled;
  }
  if (run.empty()) {
    return;
  }
  const auto place = bytes(handle).subspan(offset, run.size());
  const std::size_t end = offset + run.size();
  if (offset == buffer.filled && buffer.filled == buffer.high) {
    std::copy(run.begin(), run.end(), place.begin());
    buffer.filled = static_cast<std::uint32_t>(end);
    buffer.high = buffer.filled;
    return;
  }
  const auto words = bits(handle);
  for (std::size_t i = 0; i < run.size(); ++i) {
    if (!bit(words, offset + i)) {
      set_bit(words, offset + i);
      place[i] = run[i];
    }
  }
  buffer.high = std::max(buffer.high, static_cast<std::uint32_t>(end));
  close_gap(handle);
}

void FlightBuffers::drop_front(Handle handle, std::size_t count) {
  Buffer& buffer = buffers_[handle];
  GNOMON_CHECK(count <= buffer.high);
  const auto all = bytes(handle);
  std::copy(all.begin() + static_cast<std::ptrdiff_t>(count), all.begin() + buffer.high,
            all.begin());
  if (buffer.filled < buffer.high) {
    shift_down(bits(handle), count);
  }
  buffer.filled -= std::min(buffer.filled, static_cast<std::uint32_t>(count));
  buffer.high -= static_cast<std::uint32_t>(count);
  close_gap(handle);
}

void FlightBuffers::push_front(Handle handle, std::size_t count) {
  Buffer& buffer = buffers_[handle];
  GNOMON_CHECK(buffer.high + count <= capacity(handle));
  const auto all = bytes(handle);
  std::copy_backward(all.begin(), all.begin() + buffer.high,
                     all.begin() + buffer.high + static_cast<std::ptrdiff_t>(count));
  const auto words = bits(handle);
  for (std::size_t i = 0; i < buffer.filled; ++i) {
    set_bit(words, i);
  }
  shift_up(words, count);
  buffer.filled = 0;
  buffer.high += static_cast<std::uint32_t>(count);
  close_gap(handle);
}

void FlightBuffers::grow(Handle from, Handle to) {
  Buffer& old = buffers_[from];
  Buffer& fresh = buffers_[to];
  GNOMON_CHECK(old.high <= capacity(to) && fresh.high == 0);
  const auto source = bytes(from);
  std::copy_n(source.begin(), old.high, bytes(to).begin());
  if (old.filled < old.high) {
    const auto words = bits(from);
    std::copy(words.begin(), words.end(), bits(to).begin());
  }
  fresh.filled = old.filled;
  fresh.high = old.high;
  release(from);
}

Bytes FlightBuffers::view(Handle handle) const {
  return bytes(handle).first(buffers_[handle].filled);
}

std::size_t FlightBuffers::behind_gap(Handle handle) const {
  const Buffer& buffer = buffers_[handle];
  const std::size_t begin = begin_of(handle);
  const auto words = std::span{bits_}.subspan(begin / kWordBits, capacity(handle) / kWordBits);
  std::size_t at = buffer.filled;
  while (at < buffer.high && !bit(words, at)) {
    ++at;
  }
  return at;
}

void FlightBuffers::age(Handle handle) {
  unlink(handle);
  link(handle, Row::aged);
}

std::span<std::uint8_t> FlightBuffers::bytes(Handle handle) {
  const std::size_t begin = begin_of(handle);
  return std::span{bytes_.get(), byte_count_}.subspan(begin, capacity(handle));
}

Bytes FlightBuffers::bytes(Handle handle) const {
  const std::size_t begin = begin_of(handle);
  return Bytes{bytes_.get(), byte_count_}.subspan(begin, capacity(handle));
}

std::span<std::uint64_t> FlightBuffers::bits(Handle handle) {
  const std::size_t begin = begin_of(handle);
  return std::span{bits_}.subspan(begin / kWordBits, capacity(handle) / kWordBits);
}

void FlightBuffers::link(Handle handle, Row row) {
  Buffer& buffer = buffers_[handle];
  List& row_list = list(is_large(handle), row);
  buffer.row = row;
  buffer.before = row_list.tail;
  buffer.after = kNone;
  if (row_list.tail != kNone) {
    buffers_[row_list.tail].after = handle;
  } else {
    row_list.head = handle;
  }
  row_list.tail = handle;
}

void FlightBuffers::unlink(Handle handle) {
  Buffer& buffer = buffers_[handle];
  List& row_list = list(is_large(handle), buffer.row);
  if (buffer.before != kNone) {
    buffers_[buffer.before].after = buffer.after;
  } else {
    row_list.head = buffer.after;
  }
  if (buffer.after != kNone) {
    buffers_[buffer.after].before = buffer.before;
  } else {
    row_list.tail = buffer.before;
  }
}

void FlightBuffers::close_gap(Handle handle) {
  Buffer& buffer = buffers_[handle];
  const auto words = bits(handle);
  while (buffer.filled < buffer.high && bit(words, buffer.filled)) {
    clear_bit(words, buffer.filled);
    ++buffer.filled;
  }
}

}  // namespace gnomon
