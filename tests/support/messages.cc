#include "tests/support/messages.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "core/check.h"

namespace gnomon::testing {

namespace {

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

void extension(ByteWriter& out, std::uint16_t type, Bytes data) {
  out.u16(type);
  out.u16(static_cast<std::uint16_t>(data.size()));
  out.bytes(data);
}

void number_list(ByteWriter& out, const std::vector<std::uint16_t>& values, std::size_t width) {
  const std::size_t place = out.reserve_length(width);
  for (const std::uint16_t value : values) {
    out.u16(value);
  }
  out.fill_length(place, width);
}

void write_extensions(ByteWriter& out, const HelloSpec& spec) {
  const std::size_t place = out.reserve_length(2);
  if (!spec.name.empty()) {
    ByteWriter data;
    const std::size_t list = data.reserve_length(2);
    data.u8(0);
    const std::size_t name = data.reserve_length(2);
    data.text(spec.name);
    data.fill_length(name, 2);
    data.fill_length(list, 2);
    extension(out, 0, data.view());
  }
  if (!spec.alpn.empty()) {
    ByteWriter data;
    const std::size_t list = data.reserve_length(2);
    for (const std::string& protocol : spec.alpn) {
      data.u8(static_cast<std::uint8_t>(protocol.size()));
      data.text(protocol);
    }
    data.fill_length(list, 2);
    extension(out, 16, data.view());
  }
  if (!spec.versions.empty()) {
    ByteWriter data;
    number_list(data, spec.versions, 1);
    extension(out, 43, data.view());
  }
  if (!spec.algorithms.empty()) {
    ByteWriter data;
    number_list(data, spec.algorithms, 2);
    extension(out, 13, data.view());
  }
  if (spec.ech) {
    ByteWriter data;
    data.u8(0);            // outer
    data.u32(0x00010001);  // cipher suite
    data.u8(7);            // config id
    data.u16(32);
    data.bytes(Octets(32, 0x11));
    data.u16(144);
    data.bytes(Octets(144, 0x22));
    extension(out, 0xfe0d, data.view());
  }
  if (spec.padding > 0) {
    extension(out, 21, Octets(spec.padding, 0));
  }
  out.fill_length(place, 2);
}

}  // namespace

Octets from_hex(std::string_view text) {
  Octets bytes;
  int high = -1;
  for (const char c : text) {
    int digit = -1;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else {
      continue;
    }
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

Octets from_text(std::string_view text) {
  return {text.begin(), text.end()};
}

Octets joined(std::initializer_list<Bytes> parts) {
  Octets all;
  for (const Bytes part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Octets client_hello(const HelloSpec& spec) {
  ByteWriter out;
  out.u8(1);
  const std::size_t place = out.reserve_length(3);
  out.u16(0x0303);
  out.bytes(Octets(32, 0x5a));  // random
  out.u8(32);
  out.bytes(Octets(32, 0xa5));  // legacy session id
  number_list(out, spec.suites, 2);
  out.u8(1);
  out.u8(0);
  if (spec.extensions) {
    write_extensions(out, spec);
  }
  out.fill_length(place, 3);
  return out.take();
}

Octets tls_record(Bytes fragment, std::uint8_t type) {
  ByteWriter out;
  out.u8(type);
  out.u16(0x0301);
  out.u16(static_cast<std::uint16_t>(fragment.size()));
  out.bytes(fragment);
  return out.take();
}

Octets client_hello_record(const HelloSpec& spec) {
  return tls_record(client_hello(spec));
}

Octets dns_name(std::string_view name) {
  ByteWriter out;
  while (!name.empty()) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    out.u8(static_cast<std::uint8_t>(label.size()));
    out.text(label);
    name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
  }
  out.u8(0);
  return out.take();
}

DnsBuilder::DnsBuilder(bool response, std::uint16_t id, std::uint8_t rcode)
    : response_(response), id_(id), rcode_(rcode) {}

DnsBuilder& DnsBuilder::question(std::string_view name, std::uint16_t type) {
  body_.bytes(dns_name(name));
  body_.u16(type);
  body_.u16(1);
  ++questions_;
  return *this;
}

DnsBuilder& DnsBuilder::answer(std::string_view name, std::uint16_t type, Bytes data,
                               std::uint32_t ttl) {
  body_.bytes(dns_name(name));
  body_.u16(type);
  body_.u16(1);
  body_.u32(ttl);
  body_.u16(static_cast<std::uint16_t>(data.size()));
  body_.bytes(data);
  ++answers_;
  return *this;
}

Octets DnsBuilder::build() const {
  ByteWriter out;
  out.u16(id_);
  out.u8(response_ ? 0x81 : 0x01);
  out.u8(response_ ? static_cast<std::uint8_t>(0x80 | rcode_) : 0);
  out.u16(questions_);
  out.u16(answers_);
  out.u16(0);
  out.u16(0);
  out.bytes(body_.view());
  return out.take();
}

Octets DnsBuilder::build_framed() const {
  ByteWriter out;
  const std::size_t place = out.reserve_length(2);
  out.bytes(build());
  out.fill_length(place, 2);
  return out.take();
}

Octets https_data(std::string_view public_name, std::string_view alpn) {
  ByteWriter config;
  config.u8(7);        // config id
  config.u16(0x0020);  // kem
  config.u16(32);
  config.bytes(Octets(32, 0x33));
  config.u16(4);
  config.u32(0x00010001);
  config.u8(64);
  config.u8(static_cast<std::uint8_t>(public_name.size()));
  config.text(public_name);
  config.u16(0);  // extensions

  ByteWriter out;
  out.u16(1);
  out.u8(0);  // target: the owner itself
  out.u16(1);
  out.u16(static_cast<std::uint16_t>(alpn.size() + 1));
  out.u8(static_cast<std::uint8_t>(alpn.size()));
  out.text(alpn);
  out.u16(5);
  const std::size_t value = out.reserve_length(2);
  const std::size_t list = out.reserve_length(2);
  out.u16(0xfe0d);
  const std::size_t contents = out.reserve_length(2);
  out.bytes(config.view());
  out.fill_length(contents, 2);
  out.fill_length(list, 2);
  out.fill_length(value, 2);
  return out.take();
}

Octets varint(std::uint64_t value) {
  ByteWriter out;
  if (value < 0x40) {
    out.u8(static_cast<std::uint8_t>(value));
  } else if (value < 0x4000) {
    out.u16(static_cast<std::uint16_t>(0x4000 | value));
  } else {
    out.u32(static_cast<std::uint32_t>(0x80000000U | value));
  }
  return out.take();
}

Octets crypto_frame(std::uint64_t offset, Bytes data) {
  const Octets kind = {0x06};
  const Octets at = varint(offset);
  const Octets length = varint(data.size());
  return joined({kind, at, length, data});
}

Octets seal_initial(const InitialSpec& spec, Bytes frames) {
  Octets plain{frames.begin(), frames.end()};
  if (plain.size() < spec.padded_to) {
    plain.resize(spec.padded_to, 0);
  }
  const bool is_v2 = spec.version == quic::kVersion2;
  ByteWriter header;
  header.u8(static_cast<std::uint8_t>((is_v2 ? 0xd0 : 0xc0) | (spec.number_bytes - 1)));
  header.u32(spec.version);
  header.u8(static_cast<std::uint8_t>(spec.destination_id.size()));
  header.bytes(spec.destination_id);
  header.u8(static_cast<std::uint8_t>(spec.source_id.size()));
  header.bytes(spec.source_id);
  header.bytes(varint(spec.token.size()));
  header.bytes(spec.token);
  header.u16(static_cast<std::uint16_t>(0x4000 | (spec.number_bytes + plain.size() + 16)));
  const std::size_t number_at = header.size();
  for (std::size_t i = spec.number_bytes; i > 0; --i) {
    header.u8(static_cast<std::uint8_t>(spec.number >> (8 * (i - 1))));
  }
  const quic::InitialKeys keys = quic::derive_client_keys(
      spec.version, spec.key_id.empty() ? spec.destination_id : spec.key_id);
  std::array<std::uint8_t, 12> nonce = keys.iv;
  for (std::size_t i = 0; i < 4; ++i) {
    nonce[11 - i] ^= static_cast<std::uint8_t>(spec.number >> (8 * i));
  }

  const Context aead{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  Octets sealed(plain.size());
  std::array<std::uint8_t, 16> tag{};
  int size = 0;
  GNOMON_CHECK(EVP_EncryptInit_ex(aead.get(), EVP_aes_128_gcm(), nullptr, keys.key.data(),
                                  nonce.data()) == 1);
  GNOMON_CHECK(EVP_EncryptUpdate(aead.get(), nullptr, &size, header.view().data(),
                                 static_cast<int>(header.size())) == 1);
  GNOMON_CHECK(EVP_EncryptUpdate(aead.get(), sealed.data(), &size, plain.data(),
                                 static_cast<int>(plain.size())) == 1);
  GNOMON_CHECK(EVP_EncryptFinal_ex(aead.get(), sealed.data() + size, &size) == 1);
  GNOMON_CHECK(EVP_CIPHER_CTX_ctrl(aead.get(), EVP_CTRL_GCM_GET_TAG, 16, tag.data()) == 1);
  sealed.insert(sealed.end(), tag.begin(), tag.end());

  const Context ecb{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  std::array<std::uint8_t, 32> mask{};
  GNOMON_CHECK(EVP_EncryptInit_ex(ecb.get(), EVP_aes_128_ecb(), nullptr, keys.hp.data(), nullptr) ==
               1);
  GNOMON_CHECK(EVP_EncryptUpdate(ecb.get(), mask.data(), &size,
                                 sealed.data() + (4 - spec.number_bytes), 16) == 1);
  Octets packet = header.take();
  packet[0] = static_cast<std::uint8_t>(packet[0] ^ (mask[0] & 0x0f));
  for (std::size_t i = 0; i < spec.number_bytes; ++i) {
    packet[number_at + i] ^= mask[1 + i];
  }
  packet.insert(packet.end(), sealed.begin(), sealed.end());
  return packet;
}

}  // namespace gnomon::testing
