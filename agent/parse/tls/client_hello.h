// The ClientHello of TLS (RFC 8446, section 4.1.2, and its ancestors back to SSL 3.0).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/parse/parse_error.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon::tls {

// kMaxHelloBytes is the largest handshake message we hold: browsers write 2 KB with a post-quantum
// key share, the worst seen (several key shares, full ticket) stay under 8 KB.
constexpr std::size_t kMaxHelloBytes = std::size_t{16} * 1024;

// is_grease tells the reserved values that clients mix in to keep servers tolerant (RFC 8701).
constexpr bool is_grease(std::uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

// EchView is what extension encrypted_client_hello says (RFC 9849, section 5).
struct EchView {
  bool present = false;
  bool outer = false;           // ECHClientHello.type outer; the inner type never travels bare
  bool sound = false;           // its own lengths fit
  std::uint8_t config_id = 0;   // only when outer and sound
  std::uint16_t enc_bytes = 0;  // length of the encapsulated key
  std::uint16_t payload_bytes = 0;
};

// ClientHelloView borrows from the handshake message. Runs are empty when the client sent none.
struct ClientHelloView {
  std::uint16_t legacy_version = 0;
  Bytes cipher_suites;           // two bytes each
  Bytes extensions;              // the whole block, without its length
  std::string_view server_name;  // as sent: case kept, not validated
  Bytes alpn;                    // list of length-prefixed protocol names, without its length
  Bytes supported_versions;      // two bytes each
  Bytes signature_algorithms;    // two bytes each
  EchView ech;
};

// parse_client_hello reads one handshake message, header included. `truncated` until the message
// is whole; `not_protocol` when it is another handshake message; `malformed` when the lengths
// inside do not fit it. A broken extension is skipped, a broken length of the list is not.
Result<ClientHelloView, ParseError> parse_client_hello(Bytes message);

// ProtocolReader walks over the names in ClientHelloView::alpn.
class ProtocolReader {
 public:
  explicit ProtocolReader(Bytes list) : reader_(list) {}

  // next yields the next name; false at the end, and at a broken length.
  bool next(Bytes& protocol);

 private:
  ByteReader reader_;
};

}  // namespace gnomon::tls
