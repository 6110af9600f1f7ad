// The record layer of TLS (RFC 8446, section 5.1), as far as the first flight needs it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/parse/parse_error.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon::tls {

// kMaxRecordBytes is the largest record that TLS 1.2 and older may send (RFC 5246, section 6.2.3).
constexpr std::size_t kMaxRecordBytes = (1 << 14) + 2048;

// HandshakeView is the first handshake message of a stream.
struct HandshakeView {
  Bytes message;             // header included; lies in the stream, or in the scratch space
  std::size_t consumed = 0;  // bytes of the stream up to the end of the message's last record
};

// first_handshake cuts the first handshake message out of a stream of TLS records, provided that
// it is a ClientHello. A message that lies in one record is borrowed from `stream`; one that was
// spread over several records is put together in `scratch`.
//
// `not_protocol` as soon as the first bytes cannot begin a ClientHello; `truncated` while the
// message is not whole; `malformed` when another kind of record comes in between, or an empty one;
// `over_limit` when the message does not fit the scratch space.
Result<HandshakeView, ParseError> first_handshake(Bytes stream, std::span<std::uint8_t> scratch);

// looks_like_hello is the first test alone, for choosing a parser: false when the bytes at hand
// cannot begin a ClientHello. An empty stream may still become one.
bool looks_like_hello(Bytes stream);

// looks_like_record tells the start of any TLS record, by the first three bytes.
bool looks_like_record(Bytes stream);

}  // namespace gnomon::tls
