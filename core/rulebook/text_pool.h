// TextPool: the strings of a pack, which its records refer to by place and size.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/byte_writer.h"
#include "core/check.h"

namespace gnomon {

// TextPool gathers strings, each once, in the order they first come: what is read together should
// be added together. A string has at most 65,535 bytes.
class TextPool {
 public:
  // add yields the place of `text`; ref writes it with the size, as records refer to it.
  std::uint32_t add(const std::string& text) {
    GNOMON_CHECK(text.size() <= 0xffff);
    const auto [entry, fresh] = places_.emplace(text, static_cast<std::uint32_t>(text_.size()));
    if (fresh) {
      text_ += text;
    }
    return entry->second;
  }
  void ref(ByteWriter& out, const std::string& text) {
    out.u32(text.empty() ? 0 : add(text));
    out.u16(static_cast<std::uint16_t>(text.size()));
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::unordered_map<std::string, std::uint32_t> places_;
};

}  // namespace gnomon
