// FlowSlots: a fixed store of flows, found by their ends, in the order of their last use.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/flow/flight.h"
#include "agent/flow/flight_buffers.h"
#include "agent/flow/flow_key.h"
#include "agent/flow/large_pages.h"

namespace gnomon {

// FlowHalf is one direction of a TCP flow.
struct FlowHalf {
  enum class State : std::uint8_t {
    unseen,     // no byte yet
    joined,     // in the middle of a stream, start of a message not found yet
    following,  // bytes go to the sink
    settled,    // nothing more is wanted
  };

  std::uint32_t start = 0;  // sequence number of the first byte
  std::uint32_t next = 0;   // of the first byte not consumed; the buffer begins with it
  FlightBuffers::Handle buffer = FlightBuffers::kNone;
  State state = State::unseen;
  bool syn_seen = false;    // `start` is what the SYN said
  bool from_start = false;  // the sink gets its first byte, under this id
  WallTime first{};         // when the first byte not consumed came
  WallTime hole_since{};    // when the hole in the buffer appeared
};

// FlowSlot is one flow. What a look-up reads stands first, in one cache line.
struct alignas(64) FlowSlot {
  std::uint64_t hash = 0;
  FlowKey key;
  std::uint32_t chain = 0xffffffff;  // next of the same hash place, or of the free ones
  std::uint32_t tick = 0;            // when it was last moved to the newest place
  FlowId id = 0;
  std::uint32_t older = 0xffffffff;
  std::uint32_t newer = 0xffffffff;
  std::uint8_t client = 0;  // which half is the client
  bool syn_seen = false;
  bool handed = false;  // the sink knows the id
  bool tunnelled = false;
  std::array<FlowHalf, 2> halves;  // 0: what key.low sends
};

// FlowSlots has room for `count` flows from the start. Who wants one more than that must release
// another before: oldest() is the one that was idle for longest, to within kTouchEvery datagrams.
class FlowSlots {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffff;

  explicit FlowSlots(std::size_t count);

  // made is how many slots were ever taken: those with a lower index may be looked at.
  std::size_t made() const { return slots_.size(); }
  std::size_t in_use() const { return in_use_; }
  bool full() const { return in_use_ == count_; }
  Index oldest() const { return oldest_; }
  FlowSlot& operator[](Index index) { return slots_[index]; }
  const FlowSlot& operator[](Index index) const { return slots_[index]; }

  Index find(const FlowKey& key, std::uint64_t hash) const {
    Index index = heads_[hash & (heads_.size() - 1)];
    while (index != kNone) {
      const FlowSlot& slot = slots_[index];
      if (slot.hash == hash && slot.key.low == key.low && slot.key.high == key.high &&
          slot.key.transport == key.transport) {
        return index;
      }
      index = slot.chain;
    }
    return kNone;
  }

  // take gives an empty slot under a key that is not in yet, as the newest.
  Index take(const FlowKey& key, std::uint64_t hash);
  void release(Index index);

  // tick counts a datagram; touch says that the flow was used by it.
  void tick() { ++clock_; }
  void touch(Index index) {
    if (clock_ - slots_[index].tick >= kTouchEvery) {
      slots_[index].tick = clock_;
      unlink(index);
      link_newest(index);
    }
  }

 private:
  // A flow is moved to the newest place once in so many datagrams, not with each: the order of
  // eviction is right to within them, and most bulk datagrams then write nothing.
  static constexpr std::uint32_t kTouchEvery = 512;

  void link_newest(Index index);
  void unlink(Index index);

  std::size_t count_;
  // Has its room from the start, and fills it when it is needed: what was never used takes no
  // memory.
  std::vector<FlowSlot, LargePages<FlowSlot>> slots_;
  std::vector<Index> heads_;  // by hash
  Index free_ = kNone;
  Index oldest_ = kNone;
  Index newest_ = kNone;
  std::size_t in_use_ = 0;
  std::uint32_t clock_ = 0;  // counts datagrams
};

}  // namespace gnomon
