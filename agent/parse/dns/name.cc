#include "agent/parse/dns/name.h"

#include <span>

#include "core/check.h"

namespace gnomon::dns {

namespace {

// The two high bits of a label's first byte (RFC 1035, section 4.1.4).
constexpr std::uint8_t kLabelTypeMask = 0xc0;
constexpr std::uint8_t kPointer = 0xc0;
constexpr std::uint8_t kPlainLabel = 0x00;

// What a byte of a label is as text: itself, its small letter, or 0 when it must be escaped.
constexpr std::array<char, 256> kText = [] {
  std::array<char, 256> text{};
  for (std::size_t byte = 0x21; byte < 0x7f; ++byte) {
    const bool capital = byte >= 'A' && byte <= 'Z';
    const bool special = byte == '.' || byte == '\\';
    text.at(byte) = special ? '\0' : static_cast<char>(capital ? byte + ('a' - 'A') : byte);
  }
  return text;
}();

}  // namespace

void NameText::append_label(Bytes label) {
  // Every byte takes four characters at most, so the room is asked for once.
  const std::span<char> room = std::span{text_}.subspan(size_);
  GNOMON_CHECK(label.size() * 4 + 1 <= room.size());
  std::size_t at = 0;
  if (size_ > 0) {
    room[at++] = '.';
  }
  for (const std::uint8_t byte : label) {
    const char text = kText[byte];
    if (text != '\0') [[likely]] {
      room[at++] = text;
    } else {
      room[at++] = '\\';
      room[at++] = static_cast<char>('0' + byte / 100);
      room[at++] = static_cast<char>('0' + byte / 10 % 10);
      room[at++] = static_cast<char>('0' + byte % 10);
    }
  }
  size_ += at;
}

Result<Ok, ParseError> read_name(Bytes message, ByteReader& reader, NameText& name) {
  name.clear();
  ByteReader labels = reader;
  bool jumped = false;
  std::size_t wire_size = 0;
  // Every pointer must go before the place where the labels it ends began.
  std::size_t floor = message.size() - reader.remaining();

  for (;;) {
    const std::uint8_t length = labels.u8();
    if (!labels.ok()) {
      return Failure{jumped ? ParseError::malformed : ParseError::truncated};
    }
    if ((length & kLabelTypeMask) == kPointer) {
      const std::size_t target = (static_cast<std::size_t>(length & ~kLabelTypeMask) << 8) |
                                 static_cast<std::size_t>(labels.u8());
      if (!labels.ok()) {
        return Failure{jumped ? ParseError::malformed : ParseError::truncated};
      }
      if (target >= floor) {
        return Failure{ParseError::malformed};
      }
      if (!jumped) {
        reader = labels;
        jumped = true;
      }
      floor = target;
      labels = ByteReader{message.subspan(target)};
      continue;
    }
    if ((length & kLabelTypeMask) != kPlainLabel) {
      return Failure{ParseError::malformed};
    }
    wire_size += std::size_t{1} + length;
    if (wire_size > kMaxWireNameBytes) {
      return Failure{ParseError::malformed};
    }
    if (length == 0) {
      break;
    }
    const Bytes label = labels.take(length);
    if (!labels.ok()) {
      return Failure{jumped ? ParseError::malformed : ParseError::truncated};
    }
    name.append_label(label);
  }
  if (!jumped) {
    reader = labels;
  }
  return Ok{};
}

}  // namespace gnomon::dns
