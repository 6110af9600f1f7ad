#include "agent/parse/quic/initial.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <string_view>

#include "core/check.h"

namespace gnomon::quic {

namespace {

constexpr std::size_t kHashBytes = 32;  // SHA-256
constexpr std::size_t kMaxPacketNumberBytes = 4;
constexpr std::size_t kSampleBytes = 16;

using Salt = std::array<std::uint8_t, 20>;
using Secret = std::array<std::uint8_t, kHashBytes>;

// RFC 9001, section 5.2 (drafts 33 and 34 had it already).
constexpr Salt kSaltV1 = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                          0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
// RFC 9369, section 3.3.1.
constexpr Salt kSaltV2 = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                          0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
// draft-ietf-quic-tls-29 to -32, section 5.2.
constexpr Salt kSaltDraft29 = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                               0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
// draft-ietf-quic-tls-23 to -28.
constexpr Salt kSaltDraft23 = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
                               0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};
// draft-ietf-quic-tls-21 and -22.
constexpr Salt kSaltDraft21 = {0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a,
                               0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a};

constexpr std::uint32_t kMvfstDraft22 = 0xfaceb001;

const Salt& salt_of(std::uint32_t version) {
  if (version == kVersion2) {
    return kSaltV2;
  }
  if (version == kVersion1) {
    return kSaltV1;
  }
  if (version == kMvfstDraft22) {
    return kSaltDraft21;
  }
  if ((version >> 24) == 0xff) {
    const std::uint32_t draft = version & 0xff;
    if (draft <= 22) {
      return kSaltDraft21;
    }
    if (draft <= 28) {
      return kSaltDraft23;
    }
    return draft <= 32 ? kSaltDraft29 : kSaltV1;
  }
  return kSaltDraft23;  // mvfst after 0xfaceb001 stayed with this one
}

Secret hmac(Bytes key, Bytes text) {
  Secret result{};
  unsigned size = 0;
  GNOMON_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text.data(),
                    text.size(), result.data(), &size) != nullptr);
  GNOMON_CHECK(size == result.size());
  return result;
}

// expand_label is HKDF-Expand-Label (RFC 8446, section 7.1) with an empty context, for outputs of
// no more than one hash.
void expand_label(const Secret& secret, std::string_view label, std::span<std::uint8_t> out) {
  constexpr std::string_view kPrefix = "tls13 ";
  std::array<std::uint8_t, 64> info{};
  std::size_t size = 0;
  const auto append = [&](std::string_view text) {
    size = static_cast<std::size_t>(
        std::copy(text.begin(), text.end(), info.begin() + static_cast<std::ptrdiff_t>(size)) -
        info.begin());
  };
  info[size++] = 0;
  info[size++] = static_cast<std::uint8_t>(out.size());
  info[size++] = static_cast<std::uint8_t>(kPrefix.size() + label.size());
  append(kPrefix);
  append(label);
  info[size++] = 0;  // context
  info[size++] = 1;  // the counter of HKDF-Expand's first and only round
  const Secret block = hmac(secret, Bytes{info}.first(size));
  std::copy_n(block.begin(), out.size(), out.begin());
}

InitialKeys derive(std::uint32_t version, Bytes destination_id, std::string_view side) {
  const Secret initial = hmac(salt_of(version), destination_id);  // HKDF-Extract
  Secret secret{};
  expand_label(initial, side, secret);
  const bool is_v2 = version == kVersion2;
  InitialKeys keys;
  expand_label(secret, is_v2 ? "quicv2 key" : "quic key", keys.key);
  expand_label(secret, is_v2 ? "quicv2 iv" : "quic iv", keys.iv);
  expand_label(secret, is_v2 ? "quicv2 hp" : "quic hp", keys.hp);
  return keys;
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

}  // namespace

InitialKeys derive_client_keys(std::uint32_t version, Bytes destination_id) {
  return derive(version, destination_id, "client in");
}

InitialKeys derive_server_keys(std::uint32_t version, Bytes destination_id) {
  return derive(version, destination_id, "server in");
}

struct InitialOpener::Ciphers {
  CipherContext header{EVP_CIPHER_CTX_new()};
  CipherContext payload{EVP_CIPHER_CTX_new()};
};

InitialOpener::InitialOpener() : ciphers_(std::make_unique<Ciphers>()) {
  GNOMON_CHECK(ciphers_->header != nullptr && ciphers_->payload != nullptr);
  // The ciphers are chosen once; open() then changes keys only.
  GNOMON_CHECK(EVP_DecryptInit_ex(ciphers_->payload.get(), EVP_aes_128_gcm(), nullptr, nullptr,
                                  nullptr) == 1);
  GNOMON_CHECK(EVP_EncryptInit_ex(ciphers_->header.get(), EVP_aes_128_ecb(), nullptr, nullptr,
                                  nullptr) == 1);
}

InitialOpener::~InitialOpener() = default;

Result<Bytes, ParseError> InitialOpener::open(const InitialKeys& keys, const PacketView& packet) {
  const std::size_t number_at = packet.protected_at;
  if (packet.bytes.size() > kMaxPacketBytes) {
    return Failure{ParseError::over_limit};
  }
  // RFC 9001, section 5.4.2: the sample lies where the payload begins if the packet number took
  // all of its four bytes.
  if (packet.bytes.size() - number_at < kMaxPacketNumberBytes + kSampleBytes) {
    return Failure{ParseError::truncated};
  }
  const Bytes sample = packet.bytes.subspan(number_at + kMaxPacketNumberBytes, kSampleBytes);

  EVP_CIPHER_CTX* header_cipher = ciphers_->header.get();
  std::array<std::uint8_t, 2 * kSampleBytes> mask{};
  int size = 0;
  GNOMON_CHECK(EVP_EncryptInit_ex(header_cipher, nullptr, nullptr, keys.hp.data(), nullptr) == 1);
  GNOMON_CHECK(EVP_EncryptUpdate(header_cipher, mask.data(), &size, sample.data(),
                                 static_cast<int>(sample.size())) == 1);

  const std::size_t number_bytes = ((packet.bytes[0] ^ (mask[0] & 0x0f)) & 0x03U) + 1;
  const std::size_t header_bytes = number_at + number_bytes;
  std::copy_n(packet.bytes.begin(), header_bytes, header_.begin());
  header_[0] = static_cast<std::uint8_t>(header_[0] ^ (mask[0] & 0x0f));
  std::array<std::uint8_t, 12> nonce = keys.iv;
  for (std::size_t i = 0; i < number_bytes; ++i) {
    header_[number_at + i] ^= mask[1 + i];
    // A client's Initials are numbered from zero and few: the bytes sent are the whole number.
    nonce[nonce.size() - number_bytes + i] ^= header_[number_at + i];
  }

  const Bytes sealed = packet.bytes.subspan(header_bytes);
  const Bytes text = sealed.first(sealed.size() - kTagBytes);
  std::array<std::uint8_t, kTagBytes> tag{};
  std::copy_n(sealed.last(kTagBytes).begin(), kTagBytes, tag.begin());

  EVP_CIPHER_CTX* cipher = ciphers_->payload.get();
  GNOMON_CHECK(EVP_DecryptInit_ex(cipher, nullptr, nullptr, keys.key.data(), nonce.data()) == 1);
  GNOMON_CHECK(EVP_DecryptUpdate(cipher, nullptr, &size, header_.data(),
                                 static_cast<int>(header_bytes)) == 1);
  GNOMON_CHECK(EVP_DecryptUpdate(cipher, plain_.data(), &size, text.data(),
                                 static_cast<int>(text.size())) == 1);
  GNOMON_CHECK(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
  int rest = 0;
  if (EVP_DecryptFinal_ex(cipher, plain_.data(), &rest) != 1) {
    return Failure{ParseError::malformed};
  }
  return Bytes{plain_}.first(text.size());
}

}  // namespace gnomon::quic
