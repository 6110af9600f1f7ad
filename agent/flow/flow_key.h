// What tells flows apart, and the numbers they are found by.

#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "agent/decode/datagram.h"

namespace gnomon {

// FlowKey is the two ends of a flow in an order that does not depend on who sent the datagram.
struct FlowKey {
  Endpoint low;
  Endpoint high;
  Transport transport = Transport::udp;
  bool from_low = true;  // the datagram's sender is `low`

  FlowKey() = default;
  explicit FlowKey(const Datagram& datagram)
      : transport(datagram.transport), from_low(datagram.source <= datagram.destination) {
    low = from_low ? datagram.source : datagram.destination;
    high = from_low ? datagram.destination : datagram.source;
  }
};

// FlowHash is two numbers of one datagram: the same for both directions of a flow, and one of its
// own for this direction.
struct FlowHash {
  std::uint64_t flow = 0;
  std::uint64_t direction = 0;  // never 0
};

// FlowHasher mixes with a secret seed, so that nobody can send flows that all fall into one place.
class FlowHasher {
 public:
  explicit FlowHasher(std::uint64_t seed) : seed_(seed) {}

  FlowHash operator()(const Datagram& datagram) const {
    const std::uint64_t from = mix_endpoint(datagram.source);
    const std::uint64_t to = mix_endpoint(datagram.destination);
    const auto transport = static_cast<std::uint64_t>(datagram.transport);
    FlowHash hash;
    hash.flow = mix((from + to) ^ seed_, (from ^ to) + kC + transport);
    hash.direction = mix(from + kA, hash.flow ^ kB) | 1;
    return hash;
  }

 private:
  // Odd constants with evenly spread bits, as wyhash and others use them.
  static constexpr std::uint64_t kA = 0xa0761d6478bd642f;
  static constexpr std::uint64_t kB = 0xe7037ed1a0b428db;
  static constexpr std::uint64_t kC = 0x8ebc6af09c88c6e3;

  // mix multiplies to 128 bits and folds them.
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  }

  std::uint64_t mix_endpoint(const Endpoint& end) const {
    const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(end.address.bytes);
    return mix(halves[0] ^ seed_ ^ kA, halves[1] ^ kB ^ (std::uint64_t{end.port} << 17U));
  }

  std::uint64_t seed_;
};

}  // namespace gnomon
