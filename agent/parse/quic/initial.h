// Opening the client's Initial packets (RFC 9001, section 5; RFC 9369, section 3.3).
//
// Their keys follow from the version and from the first destination connection id that the client
// chose, both of which travel in the open: this hides nothing from whoever sees the packets.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "agent/parse/parse_error.h"
#include "agent/parse/quic/packet.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon::quic {

constexpr std::size_t kTagBytes = 16;  // AEAD_AES_128_GCM

// kMaxPacketBytes bounds what is opened: Initials stay below an Ethernet frame, loopback and
// jumbo frames go to 9 KB.
constexpr std::size_t kMaxPacketBytes = 9216;

// InitialKeys protect what one side sends before the handshake has keys of its own.
struct InitialKeys {
  std::array<std::uint8_t, 16> key{};
  std::array<std::uint8_t, 12> iv{};
  std::array<std::uint8_t, 16> hp{};
};

// derive_client_keys and derive_server_keys compute the keys of the two sides. `version` must be a
// known one (is_known_version).
InitialKeys derive_client_keys(std::uint32_t version, Bytes destination_id);
InitialKeys derive_server_keys(std::uint32_t version, Bytes destination_id);

// InitialOpener decrypts Initial packets. It owns the cipher's working space, so that opening a
// packet allocates nothing. One thread at a time.
class InitialOpener {
 public:
  InitialOpener();
  InitialOpener(const InitialOpener&) = delete;
  InitialOpener& operator=(const InitialOpener&) = delete;
  ~InitialOpener();

  // open removes the header protection and decrypts. The plaintext lies within the opener and is
  // good until the next call. `malformed` when the packet does not authenticate with these keys;
  // `truncated` when it is too short to be sampled; `over_limit` above kMaxPacketBytes.
  Result<Bytes, ParseError> open(const InitialKeys& keys, const PacketView& packet);

 private:
  struct Ciphers;

  std::unique_ptr<Ciphers> ciphers_;
  std::array<std::uint8_t, kMaxPacketBytes> header_{};
  std::array<std::uint8_t, kMaxPacketBytes> plain_{};
};

}  // namespace gnomon::quic
