#include "agent/parse/dns/name.h"

namespace gnomon::dns {

namespace {

// The two high bits of a label's first byte (RFC 1035, section 4.1.4).
constexpr std::uint8_t kLabelTypeMask = 0xc0;
constexpr std::uint8_t kPointer = 0xc0;
constexpr std::uint8_t kPlainLabel = 0x00;

}  // namespace

void NameText::append_label(Bytes label) {
  if (size_ > 0) {
    append('.');
  }
  for (const std::uint8_t byte : label) {
    if (byte >= 'A' && byte <= 'Z') {
      append(static_cast<char>(byte + ('a' - 'A')));
    } else if (byte <= 0x20 || byte >= 0x7f || byte == '.' || byte == '\\') {
      append('\\');
      append(static_cast<char>('0' + byte / 100));
      append(static_cast<char>('0' + byte / 10 % 10));
      append(static_cast<char>('0' + byte % 10));
    } else {
      append(static_cast<char>(byte));
    }
  }
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
