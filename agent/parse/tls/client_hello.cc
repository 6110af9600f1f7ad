#include "agent/parse/tls/client_hello.h"

namespace gnomon::tls {

namespace {

constexpr std::uint8_t kClientHello = 1;  // HandshakeType, RFC 8446, section 4
constexpr std::size_t kRandomSize = 32;

// ExtensionType (IANA, "TLS ExtensionType Values").
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kSignatureAlgorithms = 13;
constexpr std::uint16_t kAlpn = 16;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::uint16_t kEncryptedClientHello = 0xfe0d;

constexpr std::uint8_t kHostName = 0;  // NameType, RFC 6066, section 3
constexpr std::uint8_t kEchOuter = 0;  // ECHClientHelloType, RFC 9849, section 5

std::string_view as_text(Bytes bytes) {
  // The one place where bytes become text; char may alias anything.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view read_server_name(ByteReader data) {
  ByteReader list = data.block_u16();
  while (list.ok() && !list.empty()) {
    const std::uint8_t name_type = list.u8();
    ByteReader name = list.block_u16();
    if (!list.ok()) {
      return {};
    }
    if (name_type == kHostName) {
      return as_text(name.take(name.remaining()));
    }
  }
  return {};
}

EchView read_ech(ByteReader data) {
  EchView ech;
  ech.present = true;
  ech.outer = data.u8() == kEchOuter && data.ok();
  if (!ech.outer) {
    return ech;
  }
  data.skip(4);  // cipher_suite
  ech.config_id = data.u8();
  ech.enc_bytes = static_cast<std::uint16_t>(data.block_u16().remaining());
  ech.payload_bytes = static_cast<std::uint16_t>(data.block_u16().remaining());
  ech.sound = data.ok() && ech.payload_bytes > 0;
  return ech;
}

void read_extension(std::uint16_t type, ByteReader data, ClientHelloView& hello) {
  switch (type) {
    case kServerName:
      hello.server_name = read_server_name(data);
      break;
    case kAlpn: {
      ByteReader list = data.block_u16();
      hello.alpn = list.take(list.remaining());
      break;
    }
    case kSupportedVersions: {
      ByteReader list = data.block_u8();
      hello.supported_versions = list.take(list.remaining());
      break;
    }
    case kSignatureAlgorithms: {
      ByteReader list = data.block_u16();
      hello.signature_algorithms = list.take(list.remaining());
      break;
    }
    case kEncryptedClientHello:
      hello.ech = read_ech(data);
      break;
    default:
      break;
  }
}

}  // namespace

Result<ClientHelloView, ParseError> parse_client_hello(Bytes message) {
  ByteReader reader{message};
  if (reader.u8() != kClientHello) {
    return Failure{message.empty() ? ParseError::truncated : ParseError::not_protocol};
  }
  const std::uint32_t size = ByteReader{reader}.u24();
  if (size > kMaxHelloBytes) {
    return Failure{ParseError::over_limit};
  }
  ByteReader body = reader.block_u24();
  if (!reader.ok()) {
    return Failure{ParseError::truncated};
  }

  ClientHelloView hello;
  hello.legacy_version = body.u16();
  body.skip(kRandomSize);
  body.block_u8();  // legacy_session_id
  ByteReader suites = body.block_u16();
  hello.cipher_suites = suites.take(suites.remaining());
  body.block_u8();  // legacy_compression_methods
  if (!body.ok() || hello.cipher_suites.size() % 2 != 0) {
    // The outer length was honest but too small for its own fields: more bytes cannot help.
    return Failure{ParseError::malformed};
  }
  if (body.empty()) {
    return hello;  // SSL 3.0 and TLS 1.0 may send no extensions at all
  }
  ByteReader extensions = body.block_u16();
  if (!body.ok()) {
    return Failure{ParseError::malformed};
  }
  ByteReader walk = extensions;
  while (!walk.empty()) {
    const std::uint16_t type = walk.u16();
    const ByteReader data = walk.block_u16();
    if (!walk.ok()) {
      return Failure{ParseError::malformed};
    }
    read_extension(type, data, hello);
  }
  hello.extensions = extensions.take(extensions.remaining());
  return hello;
}

bool ProtocolReader::next(Bytes& protocol) {
  if (reader_.empty()) {
    return false;
  }
  ByteReader name = reader_.block_u8();
  if (!reader_.ok()) {
    return false;
  }
  protocol = name.take(name.remaining());
  return true;
}

}  // namespace gnomon::tls
