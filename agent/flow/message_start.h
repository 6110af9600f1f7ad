// What the first bytes of a message look like: enough to tell where in a stream to begin.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/byte_reader.h"

namespace gnomon {

// MessageStart says who would send bytes that begin like this.
enum class MessageStart : std::uint8_t { none, client, server };

// message_start looks at the first bytes of a segment. It is no parser: it only helps to find
// where to begin in a stream whose beginning was not seen, and who is the client there. It knows
// TLS hellos, HTTP/1 requests and responses, and the PROXY protocol.
inline MessageStart message_start(Bytes bytes) {
  if (bytes.size() < 6) {
    return MessageStart::none;
  }
  const auto first = bytes.first<6>();
  if (first[0] == 0x16) {
    // A TLS handshake record of at most 2^14 + 256 bytes, then ClientHello or ServerHello.
    if (first[1] != 0x03 || first[2] > 0x04 || first[3] > 0x41) {
      return MessageStart::none;
    }
    if (first[5] == 1) {
      return MessageStart::client;
    }
    return first[5] == 2 ? MessageStart::server : MessageStart::none;
  }
  if (first[0] == '\r') {
    // PROXY protocol, version 2.
    return first[1] == '\n' && first[2] == '\r' && first[3] == '\n' && first[4] == 0
               ? MessageStart::client
               : MessageStart::none;
  }
  if (first[0] < 'A' || first[0] > 'Z') {
    return MessageStart::none;
  }
  if (first[0] == 'H' && first[1] == 'T' && first[2] == 'T' && first[3] == 'P' && first[4] == '/') {
    return MessageStart::server;
  }
  // A method: capital letters, a space, and something after it. "UNSUBSCRIBE" has eleven.
  constexpr std::size_t kLongestMethod = 12;
  const std::size_t end = std::min(bytes.size(), kLongestMethod + 1);
  for (std::size_t i = 1; i < end; ++i) {
    const std::uint8_t byte = bytes[i];
    if (byte == ' ') {
      return i >= 3 && i + 1 < bytes.size() && bytes[i + 1] > ' ' && bytes[i + 1] < 0x7f
                 ? MessageStart::client
                 : MessageStart::none;
    }
    if ((byte < 'A' || byte > 'Z') && byte != '-' && byte != '_') {
      return MessageStart::none;
    }
  }
  return MessageStart::none;
}

// is_dtls_hello tells a record of DTLS 1.0 or 1.2 before any key that begins a ClientHello (RFC
// 6347, section 4.1): VPNs and calls.
inline bool is_dtls_hello(Bytes bytes) {
  if (bytes.size() < 14 || bytes[0] != 0x16) {
    return false;
  }
  const auto record = bytes.first<14>();
  return record[1] == 0xfe && (record[2] == 0xff || record[2] == 0xfd) && record[3] == 0 &&
         record[4] == 0 && record[13] == 1;
}

// is_gquic tells Google's QUIC of before the standard by its version: "Q043" behind flags and
// connection id, "Q050" or "T051" in a long header.
inline bool is_gquic(Bytes bytes) {
  const bool is_long = !bytes.empty() && (bytes[0] & 0x80U) != 0;
  // Flags of the old form: a version is there, and a connection id of eight bytes.
  if (!is_long && (bytes.empty() || (bytes[0] & 0x09U) != 0x09)) {
    return false;
  }
  const std::size_t at = is_long ? 1 : 9;
  if (bytes.size() < at + 4) {
    return false;
  }
  const auto version = bytes.subspan(at, 4);
  const auto digit = [](std::uint8_t byte) { return byte >= '0' && byte <= '9'; };
  return (version[0] == 'Q' || version[0] == 'T') && version[1] == '0' && digit(version[2]) &&
         digit(version[3]);
}

// datagram_matters tells whether a UDP datagram may hold what the next room looks for: DNS and its
// kin by port, QUIC's long headers, which alone carry hellos (RFC 8999, section 5.1), and what is
// to be counted as a blind spot, DTLS and the old QUIC. The rest is bulk, and not worth looking its
// flow up.
inline bool datagram_matters(std::uint16_t from, std::uint16_t to, Bytes payload) {
  constexpr std::uint16_t kDns = 53;
  constexpr std::uint16_t kMdns = 5353;
  constexpr std::uint16_t kLlmnr = 5355;
  const auto named = [](std::uint16_t port) {
    return port == kDns || port == kMdns || port == kLlmnr;
  };
  return (!payload.empty() && (payload[0] & 0x80U) != 0) || named(from) || named(to) ||
         is_dtls_hello(payload) || is_gquic(payload);
}

}  // namespace gnomon
