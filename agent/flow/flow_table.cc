#include "agent/flow/flow_table.h"

#include <algorithm>
#include <bit>

#include "agent/flow/message_start.h"

namespace gnomon {
namespace {

constexpr std::array<std::string_view, kFlowOutcomes> kWords = {"handed",   "held",    "settled",
                                                                "repeated", "control", "given_up"};

// A segment that lies farther back than any receive window is of another connection whose SYN was
// not seen.
constexpr std::int64_t kFarthestRepeat = std::int64_t{8} << 20;

constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint16_t kFirstFreePort = 1024;

// distance is how far `to` lies behind `from`, negative when before: sequence numbers wrap.
std::int32_t distance(std::uint32_t from, std::uint32_t to) {
  return static_cast<std::int32_t>(to - from);
}

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
  for (Index i = 0; i < slots_.size(); ++i) {
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
    const std::int32_t ahead = distance(segment.sequence, half.start);
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

// begin_with_syn puts what was held of a joined stream behind the `ahead` bytes that lie between
// its SYN and them.
void FlowTable::begin_with_syn(const Segment& segment, std::size_t ahead, FlightSink& sink) {
  Half& half = slots_[segment.slot].halves[segment.half];
  const WallTime when = segment.datagram.when;
  if (half.buffer != FlightBuffers::kNone && ahead > 0) {
    const std::size_t bytes = buffers_.high(half.buffer) + ahead;
    if (bytes > kMaxFlightBytes) {
      drop_buffer(half);
    } else {
      buffers_.push_front(buffer_for(segment.slot, segment.half, bytes, when), ahead);
      half.hole_since = when;
    }
  }
  half.state = Half::State::following;
  half.syn_seen = true;
  half.from_start = true;
  half.start = segment.sequence;
  half.next = segment.sequence;
  hand_over_buffer(segment.slot, segment.half, when, sink);
}

// begin_at makes the segment the start of what is followed.
void FlowTable::begin_at(const Segment& segment, FlightSink& sink) {
  Slot& slot = slots_[segment.slot];
  Half& half = slot.halves[segment.half];
  const std::int32_t offset = distance(half.next, segment.sequence);
  if (half.buffer != FlightBuffers::kNone) {
    const std::size_t high = buffers_.high(half.buffer);
    const auto ahead = static_cast<std::size_t>(offset < 0 ? 0 : offset);
    const auto before = static_cast<std::size_t>(offset < 0 ? -std::int64_t{offset} : 0);
    const bool all_before = ahead >= high && ahead > 0;
    if (all_before || before + high > buffers_.capacity(half.buffer)) {
      drop_buffer(half);
    } else if (before > 0) {
      buffers_.push_front(half.buffer, before);
    } else {
      buffers_.drop_front(half.buffer, ahead);
    }
  }
  unsettle(segment.hash);
  half.start = segment.sequence;
  half.next = segment.sequence;
  half.first = segment.datagram.when;
  half.hole_since = segment.datagram.when;
  half.state = Half::State::following;
  half.from_start = false;
  const MessageStart start = message_start(segment.payload);
  const unsigned client = start == MessageStart::server ? 1 - segment.half : segment.half;
  if (start != MessageStart::none && !slot.syn_seen && client != slot.client) {
    new_id(slot, sink);
    slot.client = static_cast<std::uint8_t>(client);
  }
}

FlowOutcome FlowTable::join(const Segment& segment, FlightSink& sink) {
  Half& half = slots_[segment.slot].halves[segment.half];
  if (half.state == Half::State::unseen) {
    joined_.add_alone();
    half.state = Half::State::joined;
    half.from_start = false;
    half.start = segment.sequence;
    half.next = segment.sequence;
    half.first = segment.datagram.when;
  }
  // DNS messages have no start that could be told.
  const bool is_dns =
      segment.datagram.source.port == kDnsPort || segment.datagram.destination.port == kDnsPort;
  if (is_dns || message_start(segment.payload) != MessageStart::none) {
    begin_at(segment, sink);
    Segment begun = segment;
    return follow(begun, sink);
  }
  return hold_joined(segment, sink);
}

FlowOutcome FlowTable::hold_joined(const Segment& segment, FlightSink& sink) {
  Half& half = slots_[segment.slot].halves[segment.half];
  const std::int32_t offset = distance(half.next, segment.sequence);
  const std::size_t high = half.buffer == FlightBuffers::kNone ? 0 : buffers_.high(half.buffer);
  const std::int64_t begin = std::min(offset, 0);
  const std::int64_t end = std::max(static_cast<std::int64_t>(high),
                                    offset + static_cast<std::int64_t>(segment.payload.size()));
  if (end - begin > static_cast<std::int64_t>(kJoinWindow)) {
    settle(segment.slot, segment.half);
    return FlowOutcome::given_up;
  }
  const auto before = static_cast<std::size_t>(-begin);
  const WallTime when = segment.datagram.when;
  buffer_for(segment.slot, segment.half, kJoinWindow, when);
  if (before > 0) {
    buffers_.push_front(half.buffer, before);
    half.start = segment.sequence;
    half.next = segment.sequence;
  }
  buffers_.place(half.buffer, static_cast<std::size_t>(offset - begin), segment.payload, when);
  // Segments of a few bytes each show what they are only together.
  const Bytes view = buffers_.view(half.buffer);
  if (message_start(view) == MessageStart::none) {
    return FlowOutcome::held;
  }
  Segment whole = segment;
  whole.sequence = half.next;
  whole.payload = view;
  begin_at(whole, sink);
  hand_over_buffer(segment.slot, segment.half, when, sink);
  return FlowOutcome::handed;
}

FlowOutcome FlowTable::follow(Segment& segment, FlightSink& sink) {
  Half& half = slots_[segment.slot].halves[segment.half];
  const WallTime when = segment.datagram.when;
  std::int32_t offset = distance(half.next, segment.sequence);
  if (offset < 0) {
    const std::int64_t behind = -std::int64_t{offset};
    if (behind > kFarthestRepeat) {
      lose_track(segment.slot, segment.half, sink);
      return join(segment, sink);
    }
    if (behind >= static_cast<std::int64_t>(segment.payload.size())) {
      return FlowOutcome::repeated;
    }
    segment.payload = segment.payload.subspan(static_cast<std::size_t>(behind));
    offset = 0;
  }
  if (offset >= static_cast<std::int32_t>(kMaxFlightBytes)) {
    if (half.buffer != FlightBuffers::kNone && buffers_.filled(half.buffer) == kMaxFlightBytes) {
      over_limit_.add_alone();
      settle(segment.slot, segment.half);
      return FlowOutcome::given_up;
    }
    // The hole is too long to wait for what belongs there.
    lose_track(segment.slot, segment.half, sink);
    return join(segment, sink);
  }
  if (half.buffer != FlightBuffers::kNone || offset > 0) {
    return follow_in_buffer(segment, static_cast<std::size_t>(offset), sink);
  }

  half.first = when;
  std::size_t consumed = 0;
  if (!hand_over(segment.slot, segment.half, segment.payload, when, sink, consumed)) {
    return FlowOutcome::handed;
  }
  half.next += static_cast<std::uint32_t>(consumed);
  const Bytes rest = segment.payload.subspan(consumed);
  if (rest.size() >= kMaxFlightBytes) {
    over_limit_.add_alone();
    settle(segment.slot, segment.half);
  } else if (!rest.empty()) {
    buffers_.place(buffer_for(segment.slot, segment.half, rest.size(), when), 0, rest, when);
  }
  return FlowOutcome::handed;
}

FlowOutcome FlowTable::follow_in_buffer(const Segment& segment, std::size_t offset,
                                        FlightSink& sink) {
  Half& half = slots_[segment.slot].halves[segment.half];
  const WallTime when = segment.datagram.when;
  Bytes payload = segment.payload;
  FlowOutcome outcome = FlowOutcome::repeated;
  while (!payload.empty()) {
    if (offset >= kMaxFlightBytes) {
      over_limit_.add_alone();
      settle(segment.slot, segment.half);
      return FlowOutcome::given_up;
    }
    const Bytes here = payload.first(std::min(payload.size(), kMaxFlightBytes - offset));
    payload = payload.subspan(here.size());
    const bool fresh = half.buffer == FlightBuffers::kNone;
    const auto buffer = buffer_for(segment.slot, segment.half, offset + here.size(), when);
    if (fresh) {
      half.first = when;
    }
    const bool had_gap = buffers_.has_gap(buffer);
    const std::size_t filled = buffers_.filled(buffer);
    const std::size_t high = buffers_.high(buffer);
    buffers_.place(buffer, offset, here, when);
    if (buffers_.has_gap(buffer) && !had_gap) {
      half.hole_since = when;
    }
    if (buffers_.filled(buffer) == filled) {
      // A part of it may have come before; whether a byte is new inside a hole is not told apart.
      outcome = outcome == FlowOutcome::handed           ? outcome
                : offset + here.size() > high || had_gap ? FlowOutcome::held
                                                         : FlowOutcome::repeated;
      if (offset + here.size() == kMaxFlightBytes) {
        return outcome;  // the window is full and waits for what is missing
      }
      offset += here.size();
      continue;
    }
    outcome = FlowOutcome::handed;
    const std::uint32_t next_before = half.next;
    if (!hand_over_buffer(segment.slot, segment.half, when, sink)) {
      return outcome;
    }
    const std::size_t moved = half.next - next_before;
    offset = offset + here.size() - std::min(moved, offset + here.size());
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
