// Records: runs of records of one size, read where they lie in a pack.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/byte_reader.h"
#include "core/fixed_fields.h"

namespace gnomon {

// Records borrows a section of a pack: u32 count, then `count` records of Size bytes.
template <std::size_t Size>
class Records {
 public:
  // open is false when the section is not as long as its count says.
  bool open(Bytes section) {
    ByteReader reader{section};
    const std::size_t count = reader.u32();
    if (!reader.ok() || reader.remaining() != count * Size) {
      return false;
    }
    bytes_ = reader.take(count * Size);
    count_ = static_cast<std::uint32_t>(count);
    return true;
  }

  std::uint32_t size() const noexcept { return count_; }

  // A record; zeros behind the end, which nothing asks for while the pack is what was checked.
  FixedBytes<Size> operator[](std::uint32_t index) const noexcept {
    if (index >= count_) {
      static constexpr std::array<std::uint8_t, Size> kNothing{};
      return FixedBytes<Size>{kNothing};
    }
    return FixedBytes<Size>{bytes_.data() + std::size_t{index} * Size, Size};
  }

 private:
  Bytes bytes_;
  std::uint32_t count_ = 0;
};

}  // namespace gnomon
