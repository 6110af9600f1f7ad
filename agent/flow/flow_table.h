// FlowTable: Datagram -> Flight.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/decode/datagram.h"
#include "agent/flow/flight.h"
#include "agent/flow/flight_buffers.h"
#include "agent/flow/flight_sink.h"
#include "agent/flow/flow_key.h"
#include "agent/flow/flow_slots.h"
#include "core/counters.h"

namespace gnomon {

// FlowLimits bounds the table. Everything is allocated when the table is made.
struct FlowLimits {
  std::size_t flows = 8192;         // 192 bytes each
  std::size_t small_flights = 384;  // sides whose bytes wait for more, up to 4 KiB each
  std::size_t large_flights = 64;   // up to 16 KiB each
  std::size_t settled = 8192;       // sides known to need no look at all, 8 bytes each

  // How long a hole in a stream may stay before what lies behind it is looked at, and how long
  // bytes may wait for the rest of their message. In the packets' own time.
  std::chrono::milliseconds hole_patience{3000};
  std::chrono::seconds flight_patience{60};

  std::uint64_t seed = 0;  // of the hash; a live agent takes a random one

  // for_files suits captures of a whole network: 25 MiB.
  static FlowLimits for_files() {
    FlowLimits limits;
    limits.flows = 65536;
    limits.small_flights = 1536;
    limits.large_flights = 256;
    limits.settled = 16384;
    return limits;
  }
};

// FlowOutcome is what became of a datagram.
enum class FlowOutcome : std::uint8_t {
  handed,    // given to the sink, alone or with what had waited for it
  held,      // out of order, or in the middle of an unknown stream: kept for a while
  settled,   // its side needs nothing more
  repeated,  // all of its bytes had come before
  control,   // TCP without payload
  given_up,  // its side was given up with it: too much without sense, or no end in sight
};
constexpr std::size_t kFlowOutcomes = 6;
std::string_view to_string(FlowOutcome outcome);

// FlowTable puts TCP segments in order and tells flows and their sides apart.
//
// A sink gets the first bytes of each TCP side, in order and without gaps, for as long as it does
// not say `enough` and at most 16 KiB beyond what it has consumed; and every UDP datagram that may
// matter (see datagram_matters). When a flight is complete in one segment, its bytes are handed
// over where they lie in the packet. Segments may come in any order, overlap (the first copy of a
// byte wins), repeat or wrap.
//
// The client is who sent the SYN. Without one, it is who sends what a client would send, else the
// side with the higher port. A flow joined in the middle begins where bytes look like the start
// of a message; until then at most 4 KiB are held, in case the start comes late.
//
// Memory is fixed: the flow that was idle for longest goes first, and so does the flight; both are
// counted. Every datagram has one outcome in `flow_datagrams_total`. For one thread.
class FlowTable {
 public:
  FlowTable(const FlowLimits& limits, Counters& counters);

  FlowOutcome add(const Datagram& datagram, FlightSink& sink);

  // finish hands over what waits behind holes and ends all flows, as at the end of a file.
  void finish(FlightSink& sink);

  std::size_t active_flows() const { return slots_.in_use(); }
  std::size_t waiting_flights() const { return buffers_.in_use(); }

 private:
  using Index = FlowSlots::Index;
  using Half = FlowHalf;
  using Slot = FlowSlot;
  static constexpr Index kNone = FlowSlots::kNone;

  // What is held of a stream joined in its middle while its start is looked for: one small buffer,
  // twice a browser's hello.
  static constexpr std::size_t kJoinWindow = FlightBuffers::kSmallBytes;

  // Segment is a TCP datagram on its way through the table.
  struct Segment {
    const Datagram& datagram;
    FlowHash hash;
    Index slot;
    unsigned half;  // the sender's
    std::uint32_t sequence;
    Bytes payload;
  };

  FlowOutcome add_udp(const Datagram& datagram, FlightSink& sink);
  FlowOutcome add_tcp(const Datagram& datagram, FlightSink& sink);
  void take_syn(const Segment& segment, FlightSink& sink);

  FlowOutcome take_segment(Segment& segment, FlightSink& sink);
  FlowOutcome join(const Segment& segment, FlightSink& sink);
  FlowOutcome hold_joined(const Segment& segment, FlightSink& sink);
  FlowOutcome follow(Segment& segment, FlightSink& sink);
  FlowOutcome follow_in_buffer(const Segment& segment, std::size_t offset, FlightSink& sink);
  void begin_with_syn(const Segment& segment, std::size_t ahead, FlightSink& sink);
  void begin_at(const Segment& segment, FlightSink& sink);

  static Flight begin_flight(const Slot& slot, unsigned half_index, WallTime when);
  void announce(Index index, unsigned half_index, WallTime when, FlightSink& sink);

  // Both yield false when the half is settled by it; its buffer is gone then.
  bool hand_over(Index index, unsigned half_index, Bytes bytes, WallTime when, FlightSink& sink,
                 std::size_t& consumed);
  bool hand_over_buffer(Index index, unsigned half_index, WallTime when, FlightSink& sink);

  FlightBuffers::Handle buffer_for(Index index, unsigned half_index, std::size_t bytes,
                                   WallTime when);
  void look_behind_hole(Index index, unsigned half_index, WallTime when, FlightSink& sink);
  void visit_waiting(WallTime now, FlightSink& sink);
  void settle(Index index, unsigned half_index);
  void lose_track(Index index, unsigned half_index, FlightSink& sink);
  void new_id(Slot& slot, FlightSink& sink);
  void drop_buffer(Half& half);

  Index make(const Datagram& datagram, const FlowKey& key, std::uint64_t hash, FlightSink& sink);
  void forget(Index index, FlightSink& sink);

  void unsettle(const FlowHash& hash) {
    std::uint64_t& place = settled_place(hash.direction);
    place = place == hash.direction ? 0 : place;
  }
  std::uint64_t& settled_place(std::uint64_t direction) {
    return settled_[direction & (settled_.size() - 1)];
  }

  FlowLimits limits_;
  FlowHasher hasher_;
  FlowSlots slots_;
  std::vector<std::uint64_t> settled_;  // directions that need no look, by themselves
  FlightBuffers buffers_;
  FlowId last_id_ = 0;

  std::array<Counter*, kFlowOutcomes> outcomes_{};
  Counter& evicted_flows_;
  Counter& evicted_flights_;
  Counter& expired_;
  Counter& over_limit_;
  Counter& joined_;
  Counter& rejoined_;
  Counter& reopened_;
};

}  // namespace gnomon
