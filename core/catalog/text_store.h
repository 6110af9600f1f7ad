// TextStore: the strings of an open pack.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/byte_reader.h"

namespace gnomon {

// TextRef is the place of a string. Only TextStore::read makes one, so it is always inside.
struct TextRef {
  std::uint32_t at = 0;
  std::uint16_t size = 0;
};

// TextStore owns the text; what get() yields lives as long as the store.
class TextStore {
 public:
  TextStore() = default;
  explicit TextStore(Bytes text) : text_(text.begin(), text.end()) {}

  // read takes a reference and checks it; a bad one makes `ok` false and reads as empty.
  TextRef read(ByteReader& reader, bool& ok) const {
    const std::uint32_t at = reader.u32();
    const std::uint16_t size = reader.u16();
    if (at > text_.size() || size > text_.size() - at) {
      ok = false;
      return {};
    }
    return {at, size};
  }

  std::string_view get(TextRef ref) const noexcept { return {text_.data() + ref.at, ref.size}; }

 private:
  std::string text_;
};

}  // namespace gnomon
