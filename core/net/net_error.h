// NetError: why a connection cannot go on.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gnomon {

enum class NetFault : std::uint8_t {
  timed_out,            // the peer took too long
  closed,               // the peer closed, or the connection broke
  unreachable,          // no address answered
  not_tls,              // the peer speaks something else
  protocol_version,     // the peer offers no TLS 1.3
  no_certificate,       // the peer showed none
  foreign_certificate,  // the peer's was not issued by whom we trust
  expired_certificate,  // the peer's is out of date, or not yet valid
  stolen_certificate,   // the peer's is not its own: it does not hold the key
  renegotiation,        // the peer wanted another handshake in the middle
  peer_refused,         // the peer sent an alert about us
  oversize,             // a frame above the limit
  bad_message,          // a frame that cannot be decoded, or a message out of place
  tls,                  // anything else that OpenSSL complains of
};

// to_string gives the word used as a counter's reason: "not-tls".
std::string_view to_string(NetFault fault);

// NetError carries the fault and one sentence for a person, without addresses of strangers.
struct NetError {
  NetFault fault = NetFault::closed;
  std::string text;
};

}  // namespace gnomon
