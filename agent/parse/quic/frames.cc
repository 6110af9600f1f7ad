#include "agent/parse/quic/frames.h"

#include "agent/parse/quic/packet.h"

namespace gnomon::quic {

namespace {

// Frame types (RFC 9000, table 3).
constexpr std::uint8_t kPadding = 0x00;
constexpr std::uint8_t kPing = 0x01;
constexpr std::uint8_t kAck = 0x02;
constexpr std::uint8_t kAckWithEcn = 0x03;
constexpr std::uint8_t kCrypto = 0x06;
constexpr std::uint8_t kConnectionClose = 0x1c;

void skip_ack(ByteReader& reader, bool with_ecn) {
  read_varint(reader);  // largest acknowledged
  read_varint(reader);  // delay
  std::uint64_t ranges = read_varint(reader);
  read_varint(reader);  // first range
  // Two numbers of at least a byte each per range: more ranges than that are not there.
  for (; ranges > 0 && reader.ok(); --ranges) {
    read_varint(reader);
    read_varint(reader);
  }
  for (int i = 0; with_ecn && i < 3; ++i) {
    read_varint(reader);
  }
}

void skip_close(ByteReader& reader) {
  read_varint(reader);  // error code
  read_varint(reader);  // frame type
  reader.skip(read_varint(reader));
}

// skip_frame steps over a frame whose type was read; false when it is broken or does not belong.
bool skip_frame(std::uint8_t type, ByteReader& reader) {
  switch (type) {
    case kPadding:
    case kPing:
      break;
    case kAck:
      skip_ack(reader, false);
      break;
    case kAckWithEcn:
      skip_ack(reader, true);
      break;
    case kConnectionClose:
      skip_close(reader);
      break;
    default:
      return false;
  }
  return reader.ok();
}

}  // namespace

bool CryptoReader::next(CryptoView& piece) {
  while (!reader_.empty()) {
    const std::uint8_t type = reader_.u8();
    if (type == kCrypto) {
      piece.offset = read_varint(reader_);
      piece.data = reader_.take(read_varint(reader_));
      broken_ = !reader_.ok();
      return !broken_;
    }
    if (!skip_frame(type, reader_)) {
      broken_ = true;
      reader_.skip(reader_.remaining());
      return false;
    }
  }
  return false;
}

}  // namespace gnomon::quic
