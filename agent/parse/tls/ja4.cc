#include "agent/parse/tls/ja4.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>

#include "core/check.h"

namespace gnomon::tls {

namespace {

constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kAlpn = 16;

// kMaxValues bounds the cipher suites and extensions that are hashed. Nothing real comes near:
// all suites ever registered are under 400. What is beyond does not count.
constexpr std::size_t kMaxValues = 512;
constexpr std::size_t kHashChars = 12;
constexpr std::size_t kCharsPerValue = 5;  // "1301,"

constexpr std::string_view kHex = "0123456789abcdef";

// Values is a small list of 16-bit numbers without GREASE. Not initialised on purpose: only what
// was added is read.
struct Values {  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::array<std::uint16_t, kMaxValues> items;
  std::size_t size = 0;

  void add(std::uint16_t value) {
    if (!is_grease(value) && size < items.size()) {
      items[size++] = value;
    }
  }
  void sort() { std::sort(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(size)); }
};

// Text gathers "1301,1302_0403,0804" before it is hashed. Not initialised on purpose either.
struct Text {  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::array<char, 2 * kMaxValues * kCharsPerValue + 2> chars;
  std::size_t size = 0;

  void append(const Values& values) {
    for (std::size_t i = 0; i < values.size; ++i) {
      if (i > 0) {
        chars[size++] = ',';
      }
      for (const int shift : {12, 8, 4, 0}) {
        chars[size++] = kHex[static_cast<std::size_t>(values.items[i] >> shift) & 0x0f];
      }
    }
  }
};

Values values_of(Bytes list) {
  Values values;
  ByteReader reader{list};
  while (reader.remaining() >= 2) {
    values.add(reader.u16());
  }
  return values;
}

// OpenSSL 3 searches for an algorithm by its name with every call unless it is given one that was
// found: half the time of a fingerprint. Found once, never changed.
const EVP_MD* sha256() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  GNOMON_CHECK(found != nullptr);
  return found;
}

// put_hash writes the first 12 hex digits of SHA-256, or twelve zeros for no text.
void put_hash(const Text& text, char* out) {
  if (text.size == 0) {
    std::fill_n(out, kHashChars, '0');
    return;
  }
  std::array<unsigned char, 32> digest{};
  GNOMON_CHECK(
      EVP_Digest(text.chars.data(), text.size, digest.data(), nullptr, sha256(), nullptr) == 1);
  for (std::size_t i = 0; i < kHashChars; ++i) {
    const unsigned byte = digest[i / 2];
    out[i] = kHex[(i % 2 == 0 ? byte >> 4 : byte) & 0x0f];
  }
}

void put_version(const ClientHelloView& hello, char* out) {
  std::uint16_t version = 0;
  const Values offered = values_of(hello.supported_versions);
  for (std::size_t i = 0; i < offered.size; ++i) {
    version = std::max(version, offered.items[i]);
  }
  if (version == 0) {
    version = hello.legacy_version;
  }
  std::string_view text = "00";
  switch (version) {
    case 0x0304:
      text = "13";
      break;
    case 0x0303:
      text = "12";
      break;
    case 0x0302:
      text = "11";
      break;
    case 0x0301:
      text = "10";
      break;
    case 0x0300:
      text = "s3";
      break;
    case 0x0002:
      text = "s2";
      break;
    default:
      break;
  }
  out[0] = text[0];
  out[1] = text[1];
}

void put_count(std::size_t count, char* out) {
  count = std::min<std::size_t>(count, 99);
  out[0] = static_cast<char>('0' + count / 10);
  out[1] = static_cast<char>('0' + count % 10);
}

bool is_alphanumeric(std::uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z');
}

// put_alpn writes first and last character of the first protocol; when either is not a letter or
// digit, the first and last digit of its hex form.
void put_alpn(const ClientHelloView& hello, char* out) {
  out[0] = '0';
  out[1] = '0';
  Bytes protocol;
  if (!ProtocolReader{hello.alpn}.next(protocol) || protocol.empty()) {
    return;
  }
  const std::uint8_t first = protocol.front();
  const std::uint8_t last = protocol.back();
  if (is_alphanumeric(first) && is_alphanumeric(last)) {
    out[0] = static_cast<char>(first);
    out[1] = static_cast<char>(last);
  } else {
    out[0] = kHex[first >> 4];
    out[1] = kHex[last & 0x0f];
  }
}

}  // namespace

Ja4 ja4(const ClientHelloView& hello, bool over_quic) {
  Values suites = values_of(hello.cipher_suites);
  Values extensions;  // without SNI and ALPN, which have their own places in the first part
  std::size_t extension_count = 0;
  bool has_name = false;
  ByteReader reader{hello.extensions};
  while (!reader.empty()) {
    const std::uint16_t type = reader.u16();
    reader.block_u16();
    if (!reader.ok()) {
      break;
    }
    if (is_grease(type)) {
      continue;
    }
    ++extension_count;
    has_name = has_name || type == kServerName;
    if (type != kServerName && type != kAlpn) {
      extensions.add(type);
    }
  }
  suites.sort();
  extensions.sort();

  Ja4 result;
  char* out = result.text.data();
  out[0] = over_quic ? 'q' : 't';
  put_version(hello, out + 1);
  out[3] = has_name ? 'd' : 'i';
  put_count(suites.size, out + 4);
  put_count(extension_count, out + 6);
  put_alpn(hello, out + 8);
  out[10] = '_';
  Text text;
  text.append(suites);
  put_hash(text, out + 11);
  out[23] = '_';
  text.size = 0;
  text.append(extensions);
  const Values algorithms = values_of(hello.signature_algorithms);
  if (algorithms.size > 0 && extensions.size > 0) {
    text.chars[text.size++] = '_';
    text.append(algorithms);
  }
  put_hash(text, out + 24);
  return result;
}

}  // namespace gnomon::tls
