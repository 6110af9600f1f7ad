// FragmentTable: puts IP fragments together, within bounds.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/byte_reader.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/ip_address.h"

namespace gnomon {

// Fragment is one piece of an IP datagram.
struct Fragment {
  IpAddress source;
  IpAddress destination;
  std::uint32_t id = 0;
  std::uint8_t key_protocol = 0;  // IPv4's protocol, part of what tells datagrams apart; 0 for IPv6
  std::uint8_t next = 0;          // what the datagram carries; the first piece's counts
  std::uint32_t offset = 0;       // of `bytes` in the whole, in bytes
  bool more = false;              // not the last piece
  Bytes bytes;
};

enum class FragmentOutcome : std::uint8_t {
  complete,     // whole() holds the datagram
  held,         // waits for the other pieces
  duplicate,    // was here before
  overlapping,  // contradicts what was here: the whole datagram is refused
  malformed,    // no piece of a datagram can look like this
};

// FragmentTable holds pieces until their datagram is whole.
//
// Memory is bounded by number and bytes; the oldest datagram goes first, and that is counted. A
// piece that lies within another and holds the same bytes is a duplicate; any other overlap drops
// the datagram and every later piece of it (RFC 5722, RFC 8200, section 4.5; for IPv4, where the
// standard would let the later copy win, Linux does the same since 2018: what overlaps is an
// attack or damage).
class FragmentTable {
 public:
  struct Limits {
    std::size_t datagrams = 256;
    std::size_t bytes = std::size_t{1} << 20;
    std::chrono::seconds patience{30};  // RFC 8200 allows 60; Linux keeps IPv4's for 30
  };

  FragmentTable(const Limits& limits, Counters& counters);

  FragmentOutcome add(const Fragment& fragment, WallTime when);

  // whole is the payload of the datagram completed last; good until the next add().
  Bytes whole() const { return whole_; }
  std::uint8_t whole_next() const { return whole_next_; }

  std::size_t held_bytes() const { return held_bytes_; }

 private:
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  struct Partial {
    bool used = false;
    bool refused = false;
    IpAddress source;
    IpAddress destination;
    std::uint32_t id = 0;
    std::uint8_t key_protocol = 0;
    std::uint8_t next = 0;
    std::uint32_t total = 0;  // 0 until the last piece came
    std::uint32_t received = 0;
    std::uint64_t order = 0;
    WallTime first{};
    std::vector<std::uint8_t> bytes;
    std::vector<Range> ranges;  // sorted, disjoint, as they came
  };

  Partial& find_or_make(const Fragment& fragment, WallTime when);
  FragmentOutcome place(Partial& partial, const Fragment& fragment);
  FragmentOutcome refuse(Partial& partial, FragmentOutcome why);
  void release(Partial& partial);
  bool evict_oldest(const Partial* keep);

  Limits limits_;
  Counter& evicted_;
  std::vector<Partial> partials_;
  std::vector<std::uint8_t> whole_;
  std::uint8_t whole_next_ = 0;
  std::size_t held_bytes_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace gnomon
