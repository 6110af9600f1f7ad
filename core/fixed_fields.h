// Numbers at known places of a fixed-size run of bytes, with the bounds checked by the compiler.
//
// ByteReader is the way to read what comes from the network. These are for headers of a fixed
// size that stand in a hot loop: take the run once with `bytes.first<N>()`, which checks the
// length, and every field after that is one load.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gnomon {

template <std::size_t N>
using FixedBytes = std::span<const std::uint8_t, N>;

// be16, be32 and be64 read a big-endian number at byte At; le16, le32 and le64 a little-endian one.
template <std::size_t At, std::size_t N>
constexpr std::uint16_t be16(FixedBytes<N> run) {
  static_assert(At + 2 <= N);
  return static_cast<std::uint16_t>((run[At] << 8) | run[At + 1]);
}

template <std::size_t At, std::size_t N>
constexpr std::uint32_t be32(FixedBytes<N> run) {
  static_assert(At + 4 <= N);
  return (std::uint32_t{run[At]} << 24) | (std::uint32_t{run[At + 1]} << 16) |
         (std::uint32_t{run[At + 2]} << 8) | std::uint32_t{run[At + 3]};
}

template <std::size_t At, std::size_t N>
constexpr std::uint64_t be64(FixedBytes<N> run) {
  return (std::uint64_t{be32<At>(run)} << 32) | be32<At + 4>(run);
}

template <std::size_t At, std::size_t N>
constexpr std::uint16_t le16(FixedBytes<N> run) {
  static_assert(At + 2 <= N);
  return static_cast<std::uint16_t>((run[At + 1] << 8) | run[At]);
}

template <std::size_t At, std::size_t N>
constexpr std::uint32_t le32(FixedBytes<N> run) {
  static_assert(At + 4 <= N);
  return (std::uint32_t{run[At + 3]} << 24) | (std::uint32_t{run[At + 2]} << 16) |
         (std::uint32_t{run[At + 1]} << 8) | std::uint32_t{run[At]};
}

template <std::size_t At, std::size_t N>
constexpr std::uint64_t le64(FixedBytes<N> run) {
  return (std::uint64_t{le32<At + 4>(run)} << 32) | le32<At>(run);
}

}  // namespace gnomon
