#include "agent/flow/flow_table.h"

#include <algorithm>
#include <bit>

#include "agent/flow/message_start.h"
#include "agent/flow/sequence.h"

namespace gnomon {
namespace {

constexpr std::array<std::string_view, kFlowOutcomes> kWords = {"handed",   "held",    "settled",
                                                                "repeated", "control", "given_up"};

constexpr std::uint16_t kFirstFreePort = 1024;

// Whether the sender of a datagram is the client, judged by content and ports alone.
bool sender_is_client(const Datagram& datagram) {
  const std::uint16_t from = datagram.source.port;
  const std::uint16_t to = datagram.destination.port;
  if (datagram.transport == Transport::udp) {
    // Who sends first is the client, unless it is a well-known port that answers.
    return !(from < kFirstFreePort && to >= kFirstFreePort);
  }
  switch (message_start(datagram.payload)) {
    case MessageStart::client:
      return true;
    case MessageStart::server:
      return false;
    case MessageStart::none:
      break;
  }
  return from >= to;
}

}  // namespace

std::string_view to_string(FlowOutcome outcome) {
  return kWords[static_cast<std::size_t>(outcome)];
}

FlowTable::FlowTable(const FlowLimits& limits, Counters& counters)
    : limits_(limits),
      hasher_(limits.seed),
      slots_(limits.flows),
      settled_(std::bit_ceil(limits.settled), 0),
      buffers_(limits.small_flights, limits.large_flights),
      evicted_flows_(counters.counter("flow_evicted_total", "what was forgotten to make room",
                                      {{"what", "flow"}})),
      evicted_flights_(counters.counter("flow_evicted_total", {}, {{"what", "flight"}})),
      expired_(counters.counter("flow_flights_lost_total",
                                "sides whose waiting bytes were given up",
                                {{"reason", "expired"}})),
      over_limit_(counters.counter("flow_flights_lost_total", {}, {{"reason", "over_limit"}})),
      joined_(counters.counter("flow_joined_total", "sides first seen in their middle")),
      rejoined_(counters.counter("flow_rejoined_total", "sides taken up again behind a hole")),
      reopened_(
          counters.counter("flow_reopened_total", "settled sides on which a new message began")) {
  for (std::size_t i = 0; i < kFlowOutcomes; ++i) {
    outcomes_[i] = &counters.counter("flow_datagrams_total", "datagrams by what became of them",
                                     {{"outcome", kWords[i]}});
  }
}

FlowOutcome FlowTable::add(const Datagram& datagram, FlightSink& sink) {
  slots_.tick();
  const FlowOutcome outcome =
      datagram.transport == Transport::udp ? add_udp(datagram, sink) : add_tcp(datagram, sink);
  outcomes_[static_cast<std::size_t>(outcome)]->add_alone();
  return outcome;
}

void FlowTable::finish(FlightSink& sink) {
  for (Index i = 0; i < slots_.made(); ++i) {
    for (unsigned half = 0; half < 2; ++half) {
      const auto buffer = slots_[i].halves[half].buffer;
      if (buffer != FlightBuffers::kNone && buffers_.has_gap(buffer)) {
        look_behind_hole(i, half, buffers_.touched(buffer), sink);
      }
    }
  }
  while (slots_.oldest() != kNone) {
    forget(slots_.oldest(), sink);
  }
}

FlowOutcome FlowTable::add_udp(const Datagram& datagram, FlightSink& sink) {
  if (!datagram_matters(datagram.source.port, datagram.destination.port, datagram.payload)) {
    return FlowOutcome::settled;
  }
  const FlowHash hash = hasher_(datagram);
  const FlowKey key{datagram};
  Index index = slots_.find(key, hash.flow);
  if (index == kNone) {
    index = make(datagram, key, hash.flow, sink);
  } else {
    slots_.touch(index);
  }
  Slot& slot = slots_[index];
  slot.handed = true;
  const unsigned half = key.from_low ? 0 : 1;
  const bool from_client = half == slot.client;

  Flight flight;
  flight.flow = slot.id;
  flight.first = datagram.when;
  flight.when = datagram.when;
  flight.client = from_client ? datagram.source : datagram.destination;
  flight.server = from_client ? datagram.destination : datagram.source;
  flight.transport = Transport::udp;
  flight.side = from_client ? Side::client : Side::server;
  flight.tunnelled = datagram.tunnelled;
  flight.bytes = datagram.payload;
  static_cast<void>(sink.on_flight(flight));
  return FlowOutcome::handed;
}

FlowOutcome FlowTable::add_tcp(const Datagram& datagram, FlightSink& sink) {
  const bool syn = (datagram.tcp_flags & TcpFlags::kSyn) != 0;
  if (datagram.payload.empty() && !syn) {
    return FlowOutcome::control;
  }
  const FlowHash hash = hasher_(datagram);
  // The way of bulk data: one load, and nothing written.
  if (!syn && settled_place(hash.direction) == hash.direction &&
      message_start(datagram.payload) != MessageStart::client) [[likely]] {
    return FlowOutcome::settled;
  }
  visit_waiting(datagram.when, sink);

  const FlowKey key{datagram};
  Index index = slots_.find(key, hash.flow);
  if (index == kNone) {
    index = make(datagram, key, hash.flow, sink);
  } else {
    slots_.touch(index);
  }
  Segment segment{
      datagram,        hash, index, key.from_low ? 0U : 1U, datagram.tcp_sequence + (syn ? 1U : 0U),
      datagram.payload};
  if (syn) {
    take_syn(segment, sink);
  }
  return datagram.payload.empty() ? FlowOutcome::control : take_segment(segment, sink);
}

void FlowTable::take_syn(const Segment& segment, FlightSink& sink) {
  Slot& slot = slots_[segment.slot];
  Half& half = slot.halves[segment.half];
  const bool answer = (segment.datagram.tcp_flags & TcpFlags::kAck) != 0;
  if (half.state != Half::State::unseen) {
    if (half.start == segment.sequence && half.syn_seen) {
      return;  // repeated
    }
    const std::int32_t ahead = sequence_distance(segment.sequence, half.start);
    if (!half.syn_seen && ahead >= 0 && ahead < static_cast<std::int32_t>(kMaxFlightBytes)) {
      // The SYN of the flow we joined comes late. What was held is now in its place.
      slot.syn_seen = true;
      slot.client = static_cast<std::uint8_t>(answer ? 1 - segment.half : segment.half);
      half.syn_seen = true;
      half.from_start = ahead == 0 && half.next == half.start;
      if (half.state == Half::State::joined) {
        begin_with_syn(segment, static_cast<std::size_t>(ahead), sink);
      }
      return;
    }
    // The ports are used again: a new flow in the place of the old one.
    const std::array<FlightBuffers::Handle, 2> held{slot.halves[0].buffer, slot.halves[1].buffer};
    for (const auto handle : held) {
      if (handle != FlightBuffers::kNone) {
        buffers_.release(handle);
      }
    }
    slot.halves = {};
    new_id(slot, sink);
  }
  slot.syn_seen = true;
  slot.client = static_cast<std::uint8_t>(answer ? 1 - segment.half : segment.half);
  unsettle(segment.hash);
  half.state = Half::State::following;
  half.syn_seen = true;
  half.from_start = true;
  half.start = segment.sequence;
  half.next = segment.sequence;
  if (!answer) {
    announce(segment.slot, segment.half, segment.datagram.when, sink);
  }
}

FlowOutcome FlowTable::take_segment(Segment& segment, FlightSink& sink) {
  Slot& slot = slots_[segment.slot];
  Half& half = slot.halves[segment.half];
  if (half.state == Half::State::settled) {
    if (message_start(segment.payload) != MessageStart::client) {
      settled_place(segment.hash.direction) = segment.hash.direction;
      return FlowOutcome::settled;
    }
    if (segment.sequence == half.start) {
      return FlowOutcome::repeated;
    }
    // Nobody begins a message in the middle of encrypted data: the connection was turned to TLS,
    // or its ports are in use again and we did not see the SYN (a live filter lets none through).
    reopened_.add_alone();
    new_id(slot, sink);
    half = Half{};
  }
  if (half.state == Half::State::following && half.buffer != FlightBuffers::kNone &&
      buffers_.has_gap(half.buffer) &&
      segment.datagram.when - half.hole_since > limits_.hole_patience) {
    look_behind_hole(segment.slot, segment.half, segment.datagram.when, sink);
  }
  FlowOutcome outcome = FlowOutcome::settled;
  if (half.state == Half::State::following) {
    outcome = follow(segment, sink);
  } else if (half.state != Half::State::settled) {
    outcome = join(segment, sink);
  }
  if (half.state == Half::State::settled) {
    settled_place(segment.hash.direction) = segment.hash.direction;
  } else if (segment.datagram.missing > 0 && half.state == Half::State::following) {
    // What the snaplen cut off will not come.
    lose_track(segment.slot, segment.half, sink);
  }
  return outcome;
}

FlowTable::Index FlowTable::make(const Datagram& datagram, const FlowKey& key, std::uint64_t hash,
                                 FlightSink& sink) {
  if (slots_.full()) {
    evicted_flows_.add_alone();
    forget(slots_.oldest(), sink);
  }
  const Index index = slots_.take(key, hash);
  Slot& slot = slots_[index];
  slot.id = ++last_id_;
  slot.tunnelled = datagram.tunnelled;
  const bool from_client = sender_is_client(datagram);
  slot.client = static_cast<std::uint8_t>(from_client == key.from_low ? 0 : 1);
  return index;
}

void FlowTable::forget(Index index, FlightSink& sink) {
  Slot& slot = slots_[index];
  for (Half& half : slot.halves) {
    drop_buffer(half);
  }
  if (slot.handed) {
    sink.on_flow_end(slot.id);
  }
  slots_.release(index);
}

}  // namespace gnomon
