// FlowOwners remembers whose flow is whose, from the first byte of a flow to its sightings.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <unordered_map>

#include "agent/attribute/attributor.h"
#include "agent/flow/flight_sink.h"
#include "agent/sight/sighting.h"
#include "core/clock.h"
#include "core/counters.h"

namespace gnomon {

// FlowOwners stands between the flow room and the sight room: it asks the attributor when a flow
// opens, or at its first bytes, when the socket is surely open, and hands the flight on. UDP has no
// end that could be seen, and the next program may get the same port: what a client sends there
// after an answer, or after kPortRest, is asked about again.
//
// Bounded to kMaxFlows; over it, new flows stay unattributed until others end. What became known of
// each sighting is counted by source, `attribute_sightings_total{source="tls",outcome="program"}`.
// `attributor`, `next` and `counters` must outlive it. Capture thread only.
class FlowOwners final : public FlightSink {
 public:
  static constexpr std::size_t kMaxFlows = 8192;
  // Both questions of a look-up, or all datagrams of a hello, are sent within a few milliseconds.
  static constexpr std::chrono::milliseconds kPortRest{50};

  FlowOwners(Attributor& attributor, FlightSink& next, Counters& counters);

  void on_opening(const Flight& flight) override;
  Appetite on_flight(const Flight& flight) override;
  void on_flow_end(FlowId flow) override;

  // set_asking false: the owners of new flows are not asked for, until it is true again.
  void set_asking(bool asking) { asking_ = asking; }

  // attach fills in the process of a sighting, as far as known, and counts how far that is. DNS
  // answers belong to their question and are not counted again.
  void attach(Sighting& sighting);

 private:
  // What is known of whom a sighting belongs to.
  struct Known {
    Counter* program = nullptr;
    Counter* user = nullptr;
    Counter* unknown = nullptr;
  };

  struct Owner {
    Process process;
    WallTime asked{};
    // UDP: answered since then. TCP: not a byte was sent when it was asked about.
    bool may_change = false;
  };

  void learn_owner(const Flight& flight);
  static bool is_worth_asking(const Flight& flight, Owner& owner);

  Attributor& attributor_;
  FlightSink& next_;
  std::array<Known, 4> known_;  // by source
  bool asking_ = true;
  std::unordered_map<FlowId, Owner> owners_;
};

}  // namespace gnomon
