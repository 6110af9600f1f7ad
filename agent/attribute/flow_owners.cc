#include "agent/attribute/flow_owners.h"

#include <utility>

namespace gnomon {

FlowOwners::FlowOwners(Attributor& attributor, FlightSink& next, Counters& counters)
    : attributor_(attributor), next_(next) {
  constexpr std::array kSources{Source::dns, Source::tls, Source::quic, Source::http};
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    const auto counter = [&](std::string_view outcome) {
      return &counters.counter("attribute_sightings_total",
                               "Sightings by what is known of whose they are.",
                               {{"source", to_string(kSources.at(i))}, {"outcome", outcome}});
    };
    known_.at(i) = {counter("program"), counter("user"), counter("unknown")};
  }
}

Appetite FlowOwners::on_flight(const Flight& flight) {
  // What comes out of a tunnel belongs to no socket of this machine that we could find.
  if (!flight.tunnelled) {
    learn_owner(flight);
  }
  return next_.on_flight(flight);
}

void FlowOwners::on_opening(const Flight& flight) {
  if (!flight.tunnelled) {
    learn_owner(flight);
  }
  next_.on_opening(flight);
}

void FlowOwners::learn_owner(const Flight& flight) {
  auto known = owners_.find(flight.flow);
  if (!asking_) {
    // Whose may be another's by now is rather nobody's than the wrong one's.
    if (known != owners_.end() && is_worth_asking(flight, known->second)) {
      known->second.process = Process{};
    }
    return;
  }
  if (known == owners_.end()) {
    if (owners_.size() >= kMaxFlows) {
      return;
    }
    known = owners_.emplace(flight.flow, Owner{}).first;
  } else if (!is_worth_asking(flight, known->second)) {
    return;
  }
  known->second = {
      attributor_.owner_of(flight.transport, flight.client, flight.server, flight.when),
      flight.when, flight.bytes.empty()};
}

// is_worth_asking tells that asking again may give another answer: of a UDP datagram whose port may
// have come to another socket, and of a TCP flow whose owner was not found when it opened.
bool FlowOwners::is_worth_asking(const Flight& flight, Owner& owner) {
  if (flight.transport == Transport::tcp) {
    return std::exchange(owner.may_change, false) && owner.process.program.empty();
  }
  owner.may_change = owner.may_change || flight.side == Side::server;
  return flight.side == Side::client &&
         (owner.may_change || flight.when - owner.asked >= kPortRest);
}

void FlowOwners::on_flow_end(FlowId flow) {
  next_.on_flow_end(flow);
  owners_.erase(flow);
}

void FlowOwners::attach(Sighting& sighting) {
  if (const auto owner = owners_.find(sighting.flow); owner != owners_.end()) {
    sighting.process = owner->second.process;
  }
  if (sighting.dns && sighting.dns->answer) {
    return;
  }
  const Known& known = known_.at(static_cast<std::size_t>(sighting.source) - 1);
  const Process& process = sighting.process;
  (!process.program.empty() ? known.program
   : process.uid            ? known.user
                            : known.unknown)
      ->add_alone();
}

}  // namespace gnomon
