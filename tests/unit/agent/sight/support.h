// What the tests of the sight room share: flights made by hand and a sink that keeps everything.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/flow/flight_sink.h"
#include "agent/sight/sight.h"
#include "core/counters.h"
#include "tests/support/messages.h"

namespace gnomon::testing {

inline Endpoint endpoint_v4(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address.bytes = {192, 0, 2, last};
  endpoint.port = port;
  return endpoint;
}

class KeepingSink final : public SightingSink {
 public:
  void on_sighting(Sighting&& sighting) override { sightings.push_back(std::move(sighting)); }

  // hosts gives "tls:a.example dns:b.example", in order.
  std::string hosts() const {
    std::string text;
    for (const Sighting& sighting : sightings) {
      text += text.empty() ? "" : " ";
      text += std::string{to_string(sighting.source)} + ":" + sighting.host;
    }
    return text;
  }

  std::vector<Sighting> sightings;
};

// Bench is a sight room with everything around it. It plays the flow room's part for TCP: what
// was not consumed comes again with the next bytes.
class SightBench {
 public:
  explicit SightBench(const SightOptions& options = {}) : sight(options, sink, counters) {}

  struct Flow {
    FlowId id = 1;
    std::uint16_t server_port = 443;
    Side side = Side::client;
    bool from_start = true;
  };

  Appetite datagram(const Flow& flow, Bytes bytes) {
    return hand_over(flow, Transport::udp, bytes);
  }

  // segment appends to what is left of the flow's side and hands it over, until it had enough.
  void segment(const Flow& flow, Bytes bytes) {
    Held& held = held_[{flow.id, flow.side}];
    if (held.enough) {
      return;
    }
    held.bytes.insert(held.bytes.end(), bytes.begin(), bytes.end());
    const Octets copy = held.bytes;  // of exactly this size, so that a sanitizer sees its end
    const Appetite appetite = hand_over(flow, Transport::tcp, copy);
    held.bytes.erase(held.bytes.begin(),
                     held.bytes.begin() + static_cast<std::ptrdiff_t>(appetite.consumed));
    held.enough = appetite.enough;
  }

  bool had_enough(const Flow& flow) { return held_[{flow.id, flow.side}].enough; }

  // outcomes sums the table of outcomes up.
  std::uint64_t outcomes() {
    std::uint64_t sum = 0;
    for (std::size_t protocol = 0; protocol < kProtocols; ++protocol) {
      for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
        sum += count(static_cast<Protocol>(protocol), static_cast<Outcome>(outcome));
      }
    }
    return sum;
  }

  std::uint64_t count(Protocol protocol, Outcome outcome) {
    return counters
        .counter("sight_flights_total", {},
                 {{"protocol", to_string(protocol)}, {"outcome", to_string(outcome)}})
        .value();
  }

  KeepingSink sink;
  Counters counters;
  Sight sight;
  WallTime now{std::chrono::seconds{1'000'000}};
  std::uint64_t handed_over = 0;

 private:
  struct Held {
    Octets bytes;
    bool enough = false;
  };

  Appetite hand_over(const Flow& flow, Transport transport, Bytes bytes) {
    Flight flight;
    flight.flow = flow.id;
    flight.first = now;
    flight.when = now;
    flight.client = endpoint_v4(7, static_cast<std::uint16_t>(50000 + flow.id));
    flight.server = endpoint_v4(99, flow.server_port);
    flight.transport = transport;
    flight.side = flow.side;
    flight.from_start = flow.from_start;
    flight.bytes = bytes;
    ++handed_over;
    const Appetite appetite = sight.on_flight(flight);
    GNOMON_CHECK(appetite.consumed <= bytes.size());
    return appetite;
  }

  std::map<std::pair<FlowId, Side>, Held> held_;
};

// named is a hello that asks for `name`.
inline HelloSpec named(std::string name) {
  HelloSpec spec;
  spec.name = std::move(name);
  return spec;
}

}  // namespace gnomon::testing
