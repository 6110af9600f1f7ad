#include "core/wire/text.h"

#include <algorithm>
#include <cstdint>

namespace gnomon::wire {
namespace {

// character_size yields how many bytes the first character of `text` takes, or 0 when it is not
// well-formed or a control character. The bounds on the second byte are those of RFC 3629's
// grammar: they exclude overlong forms and surrogates.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) {
    return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  }
  std::size_t size = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
    if (lead == 0xc2) {
      low = 0xa0;  // U+0080 to U+009F are control characters
    }
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    low = lead == 0xe0 ? 0xa0 : low;
    high = lead == 0xed ? 0x9f : high;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    low = lead == 0xf0 ? 0x90 : low;
    high = lead == 0xf4 ? 0x8f : high;
  }
  if (size == 0 || text.size() < size || byte(1) < low || byte(1) > high) {
    return 0;
  }
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  return size;
}

}  // namespace

bool is_printable(std::string_view text) {
  // Nearly all text is ASCII, and nearly all of a batch is text.
  const auto* plain_end = std::find_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte < 0x20 || byte >= 0x7f;
  });
  text.remove_prefix(static_cast<std::size_t>(plain_end - text.begin()));
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size == 0) {
      return false;
    }
    text.remove_prefix(size);
  }
  return true;
}

std::string clip_text(std::string_view text, std::size_t limit) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t size = character_size(text.substr(end));
    if (size == 0) {
      return {};
    }
    if (size > limit - end) {
      break;
    }
    end += size;
  }
  return std::string{text.substr(0, end)};
}

}  // namespace gnomon::wire
