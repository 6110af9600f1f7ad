// Domain names as they stand in DNS messages, decoded without allocation.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/parse/parse_error.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon::dns {

// kMaxWireNameBytes is the longest name on the wire (RFC 1035, section 3.1).
constexpr std::size_t kMaxWireNameBytes = 255;

// kMaxNameText holds the longest text form: every byte of every label escaped as \ddd.
constexpr std::size_t kMaxNameText = kMaxWireNameBytes * 4;

// NameText is the text form of one name, in place: lower-case, no trailing dot, "" for the root.
// Dots and backslashes inside a label and every byte outside printable ASCII stand as \ddd
// (RFC 1035, section 5.1), so that the text splits into the right labels and is plain ASCII.
class NameText {  // NOLINT(cppcoreguidelines-pro-type-member-init): see text_
 public:
  std::string_view view() const { return {text_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

  // append_label adds one label, with a dot before it unless it is the first.
  void append_label(Bytes label);

 private:
  // Not initialised on purpose: a name is decoded for every record of every message.
  std::array<char, kMaxNameText> text_;
  std::size_t size_ = 0;
};

// read_name decodes one domain name (RFC 1035, sections 3.1 and 4.1.4) into `name` and leaves
// `reader` just behind it, whether or not the name was compressed. `message` is the whole DNS
// message, which compression pointers refer to; `reader` walks over its tail, up to its end.
//
// Pointers are followed only towards the front, each to before the labels already read. Encoders
// write no others, and it makes every chain end. Fails with `truncated` when the name runs over
// the end of `reader`, and with `malformed` when it is longer than 255 bytes, has a label of a
// reserved type, or a pointer that goes forward.
Result<Ok, ParseError> read_name(Bytes message, ByteReader& reader, NameText& name);

}  // namespace gnomon::dns
