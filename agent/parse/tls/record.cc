#include "agent/parse/tls/record.h"

#include <algorithm>

#include "agent/parse/tls/client_hello.h"

namespace gnomon::tls {

namespace {

// ContentType, RFC 8446, section 5.1.
constexpr std::uint8_t kChangeCipherSpec = 20;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kApplicationData = 23;
constexpr std::uint8_t kClientHello = 1;  // HandshakeType, RFC 8446, section 4
constexpr std::size_t kHandshakeHeader = 4;

// is_record_version accepts SSL 3.0 (0x0300) to what middle boxes tolerate of TLS 1.3 (0x0304).
bool is_record_version(std::uint8_t major, std::uint8_t minor) {
  return major == 3 && minor <= 4;
}

}  // namespace

bool looks_like_hello(Bytes stream) {
  ByteReader reader{stream};
  const std::uint8_t type = reader.u8();
  if (reader.ok() && type != kHandshake) {
    return false;
  }
  const std::uint8_t major = reader.u8();
  if (reader.ok() && major != 3) {
    return false;
  }
  const std::uint8_t minor = reader.u8();
  if (reader.ok() && !is_record_version(major, minor)) {
    return false;
  }
  const std::uint16_t length = reader.u16();
  if (reader.ok() && (length == 0 || length > kMaxRecordBytes)) {
    return false;
  }
  const std::uint8_t message = reader.u8();
  return !reader.ok() || message == kClientHello;
}

bool looks_like_record(Bytes stream) {
  ByteReader reader{stream};
  const std::uint8_t type = reader.u8();
  const std::uint8_t major = reader.u8();
  const std::uint8_t minor = reader.u8();
  return reader.ok() && type >= kChangeCipherSpec && type <= kApplicationData &&
         is_record_version(major, minor);
}

Result<HandshakeView, ParseError> first_handshake(Bytes stream, std::span<std::uint8_t> scratch) {
  if (!looks_like_hello(stream)) {
    return Failure{ParseError::not_protocol};
  }
  ByteReader reader{stream};
  std::size_t gathered = 0;  // bytes of the message in scratch
  for (bool first = true;; first = false) {
    const std::uint8_t type = reader.u8();
    const std::uint8_t major = reader.u8();
    const std::uint8_t minor = reader.u8();
    const std::uint16_t length = reader.u16();
    if (!reader.ok()) {
      return Failure{ParseError::truncated};
    }
    if (type != kHandshake || !is_record_version(major, minor) || length == 0 ||
        length > kMaxRecordBytes) {
      return Failure{ParseError::malformed};
    }
    const bool whole_record = length <= reader.remaining();
    const Bytes fragment = reader.take(std::min<std::size_t>(length, reader.remaining()));

    if (first) {
      ByteReader header{fragment};
      header.skip(1);
      const std::size_t size = kHandshakeHeader + header.u24();
      if (header.ok() && size > kMaxHelloBytes) {
        return Failure{ParseError::over_limit};
      }
      if (header.ok() && size <= fragment.size()) {
        return HandshakeView{fragment.first(size), stream.size() - reader.remaining()};
      }
    }
    if (!whole_record) {
      return Failure{ParseError::truncated};
    }
    if (fragment.size() > scratch.size() - gathered) {
      return Failure{ParseError::over_limit};
    }
    std::copy(fragment.begin(), fragment.end(), scratch.subspan(gathered).begin());
    gathered += fragment.size();

    const Bytes message{scratch.first(gathered)};
    ByteReader header{message};
    header.skip(1);
    const std::size_t size = kHandshakeHeader + header.u24();
    if (header.ok() && size > kMaxHelloBytes) {
      return Failure{ParseError::over_limit};
    }
    if (header.ok() && size <= gathered) {
      return HandshakeView{message.first(size), stream.size() - reader.remaining()};
    }
  }
}

}  // namespace gnomon::tls
