// Any bytes as packets of any link type: what comes out lies in the packet or the fragment table.
// The input is a run of records: link type (1 byte, see kLinkTypes), length (2 bytes), bytes.

#include <algorithm>
#include <array>

#include "agent/decode/decoder.h"

namespace {

constexpr std::array<std::uint32_t, 22> kLinkTypes = {0,   1,   9,   12,  14,  50,  51,  101,
                                                      104, 105, 108, 109, 113, 119, 127, 163,
                                                      192, 204, 228, 229, 239, 276};

bool same(const gnomon::Datagram& a, const gnomon::Datagram& b) {
  return a.source == b.source && a.destination == b.destination && a.transport == b.transport &&
         a.tcp_flags == b.tcp_flags && a.tcp_sequence == b.tcp_sequence && a.missing == b.missing &&
         a.tunnelled == b.tunnelled && std::ranges::equal(a.payload, b.payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static gnomon::Counters counters;  // naming them anew each time would be most of an execution
  gnomon::FragmentTable::Limits limits;
  limits.datagrams = 4;
  gnomon::Decoder decoder{limits, counters};
  gnomon::Decoder other{limits, counters};
  gnomon::ByteReader input{gnomon::Bytes{data, size}};
  while (!input.empty()) {
    gnomon::Packet packet;
    packet.link_type = kLinkTypes[input.u8() % kLinkTypes.size()];
    const std::size_t length = input.u16();
    packet.bytes = input.take(std::min(length, input.remaining()));
    packet.wire_size = static_cast<std::uint32_t>(length);
    gnomon::Datagram datagram;
    gnomon::Datagram again;
    const gnomon::DecodeOutcome outcome = decoder.decode(packet, datagram);
    // Property: the short way says what the long way says.
    if (other.decode_anew(packet, again) != outcome) {
      __builtin_trap();
    }
    if (outcome != gnomon::DecodeOutcome::datagram) {
      continue;
    }
    if (!same(datagram, again)) {
      __builtin_trap();
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
