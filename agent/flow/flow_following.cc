// The part of FlowTable that puts the segments of one side in order, and finds where to begin in a
// side that was joined in its middle.

#include <algorithm>

#include "agent/flow/flow_table.h"
#include "agent/flow/message_start.h"
#include "agent/flow/sequence.h"

namespace gnomon {
namespace {

// A segment that lies farther back than any receive window is of another connection whose SYN was
// not seen.
constexpr std::int64_t kFarthestRepeat = std::int64_t{8} << 20;

constexpr std::uint16_t kDnsPort = 53;

}  // namespace

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
  const std::int32_t offset = sequence_distance(half.next, segment.sequence);
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
  const std::int32_t offset = sequence_distance(half.next, segment.sequence);
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
  std::int32_t offset = sequence_distance(half.next, segment.sequence);
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

}  // namespace gnomon
