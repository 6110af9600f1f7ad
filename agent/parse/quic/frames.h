// The frames of an Initial packet (RFC 9000, section 12.4 and 19).

#pragma once

#include <cstdint>

#include "core/byte_reader.h"

namespace gnomon::quic {

// CryptoView is one piece of the handshake's byte stream.
struct CryptoView {
  std::uint64_t offset = 0;
  Bytes data;
};

// CryptoReader walks over the CRYPTO frames of an opened Initial packet and skips the others that
// may stand there: PADDING, PING, ACK, CONNECTION_CLOSE.
class CryptoReader {
 public:
  explicit CryptoReader(Bytes payload) : reader_(payload) {}

  // next yields the next piece; false at the end of the packet, and at a frame that is broken or
  // may not stand in an Initial (see broken()).
  bool next(CryptoView& piece);

  bool broken() const { return broken_; }

 private:
  ByteReader reader_;
  bool broken_ = false;
};

}  // namespace gnomon::quic
