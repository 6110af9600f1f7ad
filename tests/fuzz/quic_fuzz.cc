// Any datagram: packets lie inside it and the walk ends; any payload: CRYPTO pieces lie inside it.

#include "agent/parse/quic/frames.h"
#include "agent/parse/quic/initial.h"
#include "agent/parse/quic/packet.h"

namespace {

using gnomon::Bytes;

void expect(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

bool lies_in(Bytes inner, Bytes outer) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

void check_frames(Bytes payload) {
  gnomon::quic::CryptoReader reader{payload};
  gnomon::quic::CryptoView piece;
  while (reader.next(piece)) {
    expect(lies_in(piece.data, payload));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static gnomon::quic::InitialOpener opener;
  const Bytes input{data, size};
  check_frames(input);
  gnomon::ByteReader reader{input};
  for (std::size_t left = size; left > 0; left = reader.remaining()) {
    const auto packet = gnomon::quic::parse_packet(reader);
    if (!packet) {
      break;
    }
    expect(lies_in(packet->bytes, input) && lies_in(packet->token, packet->bytes));
    expect(packet->protected_at <= packet->bytes.size());
    expect(reader.remaining() < left);
    if (packet->type == gnomon::quic::PacketType::initial) {
      const auto keys = gnomon::quic::derive_client_keys(packet->version, packet->destination_id);
      if (const auto payload = opener.open(keys, *packet)) {
        check_frames(*payload);
      }
    }
  }
  return 0;
}
