// The part of FlowTable that hands bytes over, and keeps what must wait.

#include <algorithm>

#include "agent/flow/flow_table.h"
#include "agent/flow/message_start.h"

namespace gnomon {

// begin_flight fills in what does not depend on the bytes.
Flight FlowTable::begin_flight(const Slot& slot, unsigned half_index, WallTime when) {
  const Endpoint& from = half_index == 0 ? slot.key.low : slot.key.high;
  const Endpoint& to = half_index == 0 ? slot.key.high : slot.key.low;
  const bool from_client = half_index == slot.client;
  Flight flight;
  flight.flow = slot.id;
  flight.first = when;
  flight.when = when;
  flight.client = from_client ? from : to;
  flight.server = from_client ? to : from;
  flight.transport = Transport::tcp;
  flight.side = from_client ? Side::client : Side::server;
  flight.tunnelled = slot.tunnelled;
  return flight;
}

void FlowTable::announce(Index index, unsigned half_index, WallTime when, FlightSink& sink) {
  Slot& slot = slots_[index];
  slot.handed = true;
  sink.on_opening(begin_flight(slot, half_index, when));
}

bool FlowTable::hand_over(Index index, unsigned half_index, Bytes bytes, WallTime when,
                          FlightSink& sink, std::size_t& consumed) {
  Slot& slot = slots_[index];
  const Half& half = slot.halves[half_index];
  slot.handed = true;
  Flight flight = begin_flight(slot, half_index, when);
  flight.first = half.first;
  flight.from_start = half.from_start;
  flight.bytes = bytes;
  const Appetite appetite = sink.on_flight(flight);
  if (appetite.enough) {
    settle(index, half_index);
    return false;
  }
  consumed = std::min(appetite.consumed, bytes.size());
  return true;
}

bool FlowTable::hand_over_buffer(Index index, unsigned half_index, WallTime when,
                                 FlightSink& sink) {
  Half& half = slots_[index].halves[half_index];
  if (half.buffer == FlightBuffers::kNone) {
    return true;
  }
  const Bytes view = buffers_.view(half.buffer);
  if (view.empty()) {
    return true;
  }
  std::size_t consumed = 0;
  if (!hand_over(index, half_index, view, when, sink, consumed)) {
    return false;
  }
  if (consumed == 0) {
    return true;
  }
  half.next += static_cast<std::uint32_t>(consumed);
  half.first = when;
  if (consumed == buffers_.high(half.buffer)) {
    drop_buffer(half);
  } else {
    buffers_.drop_front(half.buffer, consumed);
  }
  return true;
}

FlightBuffers::Handle FlowTable::buffer_for(Index index, unsigned half_index, std::size_t bytes,
                                            WallTime when) {
  Half& half = slots_[index].halves[half_index];
  if (half.buffer != FlightBuffers::kNone && bytes <= buffers_.capacity(half.buffer)) {
    return half.buffer;
  }
  const FlightBuffers::Owner owner = index * 2 + half_index;
  auto handle = buffers_.acquire(bytes, owner, when);
  if (handle == FlightBuffers::kNone) {
    // All of this size wait for something. The one that has waited for longest is given up.
    const auto victim = buffers_.owner(buffers_.oldest(bytes));
    evicted_flights_.add_alone();
    settle(victim / 2, victim % 2);
    handle = buffers_.acquire(bytes, owner, when);
  }
  if (half.buffer != FlightBuffers::kNone) {
    buffers_.grow(half.buffer, handle);
  }
  half.buffer = handle;
  return handle;
}

// look_behind_hole goes on with what lies behind a hole when a message begins there.
void FlowTable::look_behind_hole(Index index, unsigned half_index, WallTime when,
                                 FlightSink& sink) {
  Slot& slot = slots_[index];
  Half& half = slot.halves[half_index];
  if (half.state != Half::State::following) {
    return;
  }
  const std::size_t behind = buffers_.behind_gap(half.buffer);
  buffers_.drop_front(half.buffer, behind);
  half.next += static_cast<std::uint32_t>(behind);
  half.start = half.next;
  half.from_start = false;
  half.first = when;
  rejoined_.add_alone();
  // The sink must not take these bytes for the rest of what it was given before.
  new_id(slot, sink);
  if (message_start(buffers_.view(half.buffer)) == MessageStart::none) {
    half.state = Half::State::joined;
    if (buffers_.high(half.buffer) > kJoinWindow) {
      settle(index, half_index);
    }
    return;
  }
  if (buffers_.has_gap(half.buffer)) {
    half.hole_since = when;
  }
  hand_over_buffer(index, half_index, when, sink);
}

void FlowTable::visit_waiting(WallTime now, FlightSink& sink) {
  for (const bool large : {false, true}) {
    const auto fresh = buffers_.front(large, FlightBuffers::Row::fresh);
    if (fresh != FlightBuffers::kNone && now - buffers_.touched(fresh) > limits_.hole_patience)
        [[unlikely]] {
      buffers_.age(fresh);
      if (buffers_.has_gap(fresh)) {
        const auto owner = buffers_.owner(fresh);
        look_behind_hole(owner / 2, owner % 2, now, sink);
      }
    }
    const auto aged = buffers_.front(large, FlightBuffers::Row::aged);
    if (aged != FlightBuffers::kNone && now - buffers_.touched(aged) > limits_.flight_patience)
        [[unlikely]] {
      const auto owner = buffers_.owner(aged);
      expired_.add_alone();
      settle(owner / 2, owner % 2);
    }
  }
}

void FlowTable::settle(Index index, unsigned half_index) {
  Half& half = slots_[index].halves[half_index];
  drop_buffer(half);
  half.state = Half::State::settled;
}

// lose_track forgets where in the stream we are; the next segment joins it anew.
void FlowTable::lose_track(Index index, unsigned half_index, FlightSink& sink) {
  Slot& slot = slots_[index];
  Half& half = slot.halves[half_index];
  drop_buffer(half);
  half = Half{};
  new_id(slot, sink);
}

void FlowTable::new_id(Slot& slot, FlightSink& sink) {
  if (!slot.handed) {
    return;
  }
  sink.on_flow_end(slot.id);
  slot.id = ++last_id_;
  slot.handed = false;
  for (Half& half : slot.halves) {
    // The sink meets this half in its middle now, unless it has consumed none of it.
    half.from_start = half.from_start && half.next == half.start;
  }
}

void FlowTable::drop_buffer(Half& half) {
  if (half.buffer != FlightBuffers::kNone) {
    buffers_.release(half.buffer);
    half.buffer = FlightBuffers::kNone;
  }
}

}  // namespace gnomon
