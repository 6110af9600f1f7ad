// Builders of the messages that strangers send: ClientHello, DNS, QUIC Initial.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/parse/quic/initial.h"
#include "core/byte_reader.h"
#include "core/byte_writer.h"

namespace gnomon::testing {

using Octets = std::vector<std::uint8_t>;

// from_hex reads hex digits and skips everything else.
Octets from_hex(std::string_view text);
Octets from_text(std::string_view text);
Octets joined(std::initializer_list<Bytes> parts);

// HelloSpec says what a ClientHello is to hold; what is empty is left out.
struct HelloSpec {
  std::string name = "files.example.com";
  std::vector<std::string> alpn = {"h2", "http/1.1"};
  std::vector<std::uint16_t> suites = {0x1301, 0x1302, 0xc02b};
  std::vector<std::uint16_t> versions = {0x0304, 0x0303};
  std::vector<std::uint16_t> algorithms = {0x0403, 0x0804};
  bool ech = false;         // extension 0xfe0d of the outer type
  std::size_t padding = 0;  // bytes in a padding extension
  bool extensions = true;
};

// client_hello builds the handshake message; tls_record wraps bytes into one record.
Octets client_hello(const HelloSpec& spec);
Octets tls_record(Bytes fragment, std::uint8_t type = 22);
Octets client_hello_record(const HelloSpec& spec);

// DnsBuilder writes one message; names are written without compression.
class DnsBuilder {
 public:
  explicit DnsBuilder(bool response = false, std::uint16_t id = 0x1234, std::uint8_t rcode = 0);

  DnsBuilder& question(std::string_view name, std::uint16_t type = 1);
  DnsBuilder& answer(std::string_view name, std::uint16_t type, Bytes data,
                     std::uint32_t ttl = 300);
  Octets build() const;
  Octets build_framed() const;

 private:
  ByteWriter body_;
  bool response_;
  std::uint16_t id_;
  std::uint8_t rcode_;
  std::uint16_t questions_ = 0;
  std::uint16_t answers_ = 0;
};

// dns_name is the wire form of a dotted name.
Octets dns_name(std::string_view name);

// https_data is the data of an HTTPS record in service mode with one ECHConfig.
Octets https_data(std::string_view public_name, std::string_view alpn = "h2");

// CRYPTO, PADDING and other frames are made by hand; these wrap them into packets.
Octets crypto_frame(std::uint64_t offset, Bytes data);
Octets varint(std::uint64_t value);

struct InitialSpec {
  std::uint32_t version = quic::kVersion1;
  Octets destination_id = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
  Octets source_id;
  Octets token;
  std::uint32_t number = 0;
  std::size_t number_bytes = 4;
  // The id that the keys follow from, when it is not destination_id.
  Octets key_id;
  std::size_t padded_to = 0;  // bytes of payload
};

// seal_initial encrypts `frames` as a client does (RFC 9001, section 5).
Octets seal_initial(const InitialSpec& spec, Bytes frames);

}  // namespace gnomon::testing
