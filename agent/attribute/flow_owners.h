// FlowOwners remembers whose flow is whose, from the first byte of a flow to its sightings.

#pragma once

#include <cstddef>
#include <unordered_map>

#include "agent/attribute/attributor.h"
#include "agent/flow/flight_sink.h"
#include "agent/sight/sighting.h"

namespace gnomon {

// FlowOwners stands between the flow room and the sight room: it asks the attributor at the first
// bytes of each flow, when the socket is surely open, and hands the flight on.
//
// Bounded to kMaxFlows; over it, new flows stay unattributed until others end. `attributor` and
// `next` must outlive it. Capture thread only.
class FlowOwners final : public FlightSink {
 public:
  static constexpr std::size_t kMaxFlows = 8192;

  FlowOwners(Attributor& attributor, FlightSink& next) : attributor_(attributor), next_(next) {}

  Appetite on_flight(const Flight& flight) override;
  void on_flow_end(FlowId flow) override;

  // attach fills in the process of a sighting, as far as known.
  void attach(Sighting& sighting) const;

 private:
  Attributor& attributor_;
  FlightSink& next_;
  std::unordered_map<FlowId, Process> owners_;
};

}  // namespace gnomon
