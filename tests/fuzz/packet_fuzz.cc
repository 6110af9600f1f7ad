// Any bytes as packets of any link type: what comes out lies in the packet or the fragment table.
// The input is a run of records: link type (1 byte, see kLinkTypes), length (2 bytes), bytes.

#include <algorithm>
#include <array>

#include "agent/decode/decoder.h"

namespace {

constexpr std::array<std::uint32_t, 22> kLinkTypes = {0,   1,   9,   12,  14,  50,  51,  101,
                                                      104, 105, 108, 109, 113, 119, 127, 163,
                                                      192, 204, 228, 229, 239, 276};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gnomon::Counters counters;
  gnomon::FragmentTable::Limits limits;
  limits.datagrams = 4;
  gnomon::Decoder decoder{limits, counters};
  gnomon::ByteReader input{gnomon::Bytes{data, size}};
  while (!input.empty()) {
    gnomon::Packet packet;
    packet.link_type = kLinkTypes[input.u8() % kLinkTypes.size()];
    const std::size_t length = input.u16();
    packet.bytes = input.take(std::min(length, input.remaining()));
    packet.wire_size = static_cast<std::uint32_t>(length);
    gnomon::Datagram datagram;
    if (decoder.decode(packet, datagram) != gnomon::DecodeOutcome::datagram) {
      continue;
    }
    // Property: every byte of the payload can be read, and none is made up.
    std::size_t sum = 0;
    for (const std::uint8_t byte : datagram.payload) {
      sum += byte;
    }
    if (datagram.payload.size() > 65535 || sum > std::size_t{255} * 65535) {
      __builtin_trap();
    }
  }
  return 0;
}
