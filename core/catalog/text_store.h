// TextStore: the strings of an open pack.

#pragma once

#include <cstdint>
#include <string_view>

#include "core/byte_reader.h"

namespace gnomon {

// TextRef is the place of a string.
struct TextRef {
  std::uint32_t at = 0;
  std::uint16_t size = 0;
};

// TextStore borrows the text section; so does what get() yields.
class TextStore {
 public:
  TextStore() = default;
  explicit TextStore(Bytes text) : text_(reinterpret_cast<const char*>(text.data()), text.size()) {}

  bool holds(TextRef ref) const noexcept {
    return ref.at <= text_.size() && ref.size <= text_.size() - ref.at;
  }

  // read takes a reference and checks it; a bad one makes `ok` false and reads as empty.
  TextRef read(ByteReader& reader, bool& ok) const {
    const std::uint32_t at = reader.u32();
    const TextRef ref{at, reader.u16()};
    if (!holds(ref)) {
      ok = false;
      return {};
    }
    return ref;
  }

  // A reference that is not inside (the file was written into) reads as empty.
  std::string_view get(TextRef ref) const noexcept {
    return holds(ref) ? std::string_view{text_.data() + ref.at, ref.size} : std::string_view{};
  }

 private:
  std::string_view text_;
};

}  // namespace gnomon
