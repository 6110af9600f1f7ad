// The data part of records: addresses, names and service parameters.

#include <array>
#include <charconv>

#include "agent/parse/dns/message.h"
#include "core/ip_address.h"

namespace gnomon::dns {

namespace {

// Keys of service parameters (RFC 9460, section 14.3.2; ech: RFC 9848).
constexpr std::uint16_t kKeyAlpn = 1;
constexpr std::uint16_t kKeyPort = 3;
constexpr std::uint16_t kKeyIpv4Hint = 4;
constexpr std::uint16_t kKeyEch = 5;
constexpr std::uint16_t kKeyIpv6Hint = 6;

// ECHConfig.version of RFC 9849, section 4.
constexpr std::uint16_t kEchConfigVersion = 0xfe0d;

void append_number(std::uint32_t number, std::string& out) {
  std::array<char, 10> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_name(const NameText& name, std::string& out) {
  out.append(name.empty() ? std::string_view{"."} : name.view());
}

// read_data_name reads a name that stands `offset` bytes into the record's data and says how many
// bytes of the data lie behind it. A name that runs out of the data is refused even when the
// message goes on.
bool read_data_name(Bytes message, const RecordView& record, std::size_t offset, NameText& name,
                    std::size_t& behind) {
  if (offset > record.data.size()) {
    return false;
  }
  ByteReader reader{message.subspan(record.data_position + offset)};
  const std::size_t before = reader.remaining();
  if (!read_name(message, reader, name)) {
    return false;
  }
  const std::size_t used = before - reader.remaining();
  if (used > record.data.size() - offset) {
    return false;
  }
  behind = record.data.size() - offset - used;
  return true;
}

void append_address(Bytes bytes, std::string& out) {
  IpAddress address;
  address.is_v4 = bytes.size() == 4;
  std::size_t i = 0;
  for (const std::uint8_t byte : bytes) {
    address.bytes[i++] = byte;
  }
  out.append(to_string(address));
}

void append_hints(std::string_view key, Bytes hints, std::size_t width, std::string& out) {
  if (hints.empty()) {
    return;
  }
  out.append(key);
  ByteReader reader{hints};
  for (bool first = true; reader.remaining() >= width; first = false) {
    if (!first) {
      out.push_back(',');
    }
    append_address(reader.take(width), out);
  }
}

// append_protocols writes a list of length-prefixed protocol names; bytes that would be mistaken
// for the list's own punctuation stand as \ddd.
void append_protocols(Bytes list, std::string& out) {
  if (list.empty()) {
    return;
  }
  out.append(" alpn=");
  ByteReader reader{list};
  for (bool first = true; !reader.empty(); first = false) {
    ByteReader protocol = reader.block_u8();
    if (!reader.ok()) {
      return;
    }
    if (!first) {
      out.push_back(',');
    }
    for (const std::uint8_t byte : protocol.take(protocol.remaining())) {
      if (byte > 0x20 && byte < 0x7f && byte != ',' && byte != '\\') {
        out.push_back(static_cast<char>(byte));
      } else {
        out.push_back('\\');
        out.push_back(static_cast<char>('0' + byte / 100));
        out.push_back(static_cast<char>('0' + byte / 10 % 10));
        out.push_back(static_cast<char>('0' + byte % 10));
      }
    }
  }
}

void append_service(const ServiceView& service, std::string& out) {
  append_number(service.priority, out);
  out.push_back(' ');
  append_name(service.target, out);
  append_protocols(service.alpn, out);
  if (service.port != 0) {
    out.append(" port=");
    append_number(service.port, out);
  }
  append_hints(" ipv4hint=", service.ipv4_hints, 4, out);
  append_hints(" ipv6hint=", service.ipv6_hints, 16, out);
  if (!service.ech.empty()) {
    out.append(" ech");
  }
}

// append_numbered_name writes MX ("10 mail.example.com") and SRV ("0 5 443 host.example.com").
void append_numbered_name(Bytes message, const RecordView& record, std::size_t numbers,
                          std::string& out) {
  NameText name;
  std::size_t behind = 0;
  if (!read_data_name(message, record, numbers * 2, name, behind)) {
    return;
  }
  ByteReader reader{record.data};
  for (std::size_t i = 0; i < numbers; ++i) {
    append_number(reader.u16(), out);
    out.push_back(' ');
  }
  append_name(name, out);
}

}  // namespace

Result<ServiceView, ParseError> parse_service(Bytes message, const RecordView& record) {
  ServiceView service;
  ByteReader reader{record.data};
  service.priority = reader.u16();
  if (!reader.ok()) {
    return Failure{ParseError::malformed};
  }
  std::size_t behind = 0;
  if (!read_data_name(message, record, 2, service.target, behind)) {
    return Failure{ParseError::malformed};
  }
  reader = ByteReader{record.data.last(behind)};
  while (!reader.empty()) {
    const std::uint16_t key = reader.u16();
    ByteReader value = reader.block_u16();
    if (!reader.ok()) {
      return Failure{ParseError::malformed};
    }
    switch (key) {
      case kKeyAlpn:
        service.alpn = value.take(value.remaining());
        break;
      case kKeyPort:
        service.port = value.u16();
        break;
      case kKeyIpv4Hint:
        service.ipv4_hints = value.take(value.remaining());
        break;
      case kKeyIpv6Hint:
        service.ipv6_hints = value.take(value.remaining());
        break;
      case kKeyEch:
        service.ech = value.take(value.remaining());
        break;
      default:
        break;
    }
  }
  return service;
}

Bytes ech_public_name(Bytes list) {
  ByteReader reader{list};
  ByteReader configs = reader.block_u16();
  while (configs.ok() && !configs.empty()) {
    const std::uint16_t version = configs.u16();
    ByteReader contents = configs.block_u16();
    if (!configs.ok()) {
      return {};
    }
    if (version != kEchConfigVersion) {
      continue;
    }
    contents.skip(1 + 2);  // config_id, kem_id
    contents.block_u16();  // public_key
    contents.block_u16();  // cipher_suites
    contents.skip(1);      // maximum_name_length
    ByteReader name = contents.block_u8();
    if (contents.ok() && !name.empty()) {
      return name.take(name.remaining());
    }
  }
  return {};
}

void append_data(Bytes message, const RecordView& record, std::string& out) {
  NameText name;
  std::size_t behind = 0;
  switch (record.type) {
    case type::kA:
      if (record.data.size() == 4) {
        append_address(record.data, out);
      }
      break;
    case type::kAaaa:
      if (record.data.size() == 16) {
        append_address(record.data, out);
      }
      break;
    case type::kCname:
    case type::kDname:
    case type::kPtr:
    case type::kNs:
    case type::kSoa:
      if (read_data_name(message, record, 0, name, behind)) {
        append_name(name, out);
      }
      break;
    case type::kMx:
      append_numbered_name(message, record, 1, out);
      break;
    case type::kSrv:
      append_numbered_name(message, record, 3, out);
      break;
    case type::kSvcb:
    case type::kHttps:
      if (const auto service = parse_service(message, record)) {
        append_service(*service, out);
      }
      break;
    default:
      break;
  }
}

}  // namespace gnomon::dns
