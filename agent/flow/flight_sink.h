// FlightSink: who takes the flights that the flow room yields.

#pragma once

#include "agent/flow/flight.h"

namespace gnomon {

// FlightSink is called on the capture thread. What a Flight borrows is good during the call only.
class FlightSink {
 public:
  FlightSink() = default;
  FlightSink(const FlightSink&) = delete;
  FlightSink& operator=(const FlightSink&) = delete;
  virtual ~FlightSink() = default;

  // on_opening tells that the client asks for a TCP flow, where its SYN is seen: before any byte of
  // it. `flight` has no bytes. Whoever wants only bytes lets it pass.
  virtual void on_opening(const Flight& /*flight*/) {}

  // on_flight takes the next bytes of one side and says how much of them is done with.
  virtual Appetite on_flight(const Flight& flight) = 0;

  // on_flow_end says that nothing more of this flow will come: it closed, was forgotten, or was
  // overtaken by a new flow between the same endpoints. What was kept for it may go.
  virtual void on_flow_end(FlowId flow) = 0;
};

}  // namespace gnomon
