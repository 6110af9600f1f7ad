#include "agent/attribute/flow_owners.h"

namespace gnomon {

Appetite FlowOwners::on_flight(const Flight& flight) {
  // What comes out of a tunnel belongs to no socket of this machine that we could find.
  if (!flight.tunnelled && owners_.size() < kMaxFlows && !owners_.contains(flight.flow)) {
    owners_.emplace(flight.flow,
                    attributor_.owner_of(flight.transport, flight.client, flight.server));
  }
  return next_.on_flight(flight);
}

void FlowOwners::on_flow_end(FlowId flow) {
  next_.on_flow_end(flow);
  owners_.erase(flow);
}

void FlowOwners::attach(Sighting& sighting) const {
  if (const auto owner = owners_.find(sighting.flow); owner != owners_.end()) {
    sighting.process = owner->second;
  }
}

}  // namespace gnomon
