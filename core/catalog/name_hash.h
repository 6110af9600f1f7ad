// NameHash: the hash of names in a pack's tables, fed from the name's end.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/catalog/records.h"

namespace gnomon {

// NameHash is FNV-1a over the characters from the last to the first, so that it grows with every
// label that a walk from a host's end takes in.
class NameHash {
 public:
  void add(char c) noexcept { value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3; }
  void add(std::string_view name) noexcept {
    for (std::size_t i = name.size(); i > 0; --i) {
      add(name[i - 1]);
    }
  }
  std::uint32_t slot() const noexcept {
    return static_cast<std::uint32_t>(value_ ^ (value_ >> 29));
  }
  std::uint8_t tag() const noexcept { return static_cast<std::uint8_t>(value_ >> 56); }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

// kMaxHashed bounds the things in one table: a slot has 24 bits for their number.
constexpr std::uint32_t kMaxHashed = (1U << 24) - 2;

// HashSlots is a table with open addressing: a power of two of slots, each empty (0) or 8 bits of
// tag and 24 bits of number + 1. At most half of them are taken.
class HashSlots {
 public:
  // slot_count is what a table of `things` has.
  static std::uint32_t slot_count(std::uint32_t things) { return std::bit_ceil(things * 2 + 2); }
  static std::uint32_t value(const NameHash& hash, std::uint32_t number) {
    return (std::uint32_t{hash.tag()} << 24) | (number + 1);
  }

  // open is false when the table is not one for `things`, or has no end.
  bool open(Bytes section, std::uint32_t things) {
    if (!slots_.open(section) || !std::has_single_bit(slots_.size())) {
      return false;
    }
    std::uint32_t empty = 0;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      const std::uint32_t slot = be32<0>(slots_[i]);
      if ((slot & 0xffffff) > things || (slot != 0 && (slot & 0xffffff) == 0)) {
        return false;
      }
      empty += slot == 0 ? 1U : 0U;
    }
    return empty > 0;
  }

  // find yields the number of the first thing of this hash that `is` accepts, or kNone.
  static constexpr std::uint32_t kNone = 0xffffffff;
  template <typename F>
  std::uint32_t find(const NameHash& hash, F&& is) const noexcept {
    const std::uint32_t mask = slots_.size() - 1;
    std::uint32_t at = hash.slot() & mask;
    for (std::uint32_t tried = 0; tried < slots_.size(); ++tried, at = (at + 1) & mask) {
      const std::uint32_t slot = be32<0>(slots_[at]);
      if (slot == 0) {
        break;
      }
      if ((slot >> 24) == hash.tag() && is((slot & 0xffffff) - 1)) {
        return (slot & 0xffffff) - 1;
      }
    }
    return kNone;
  }

 private:
  Records<4> slots_;
};

}  // namespace gnomon
