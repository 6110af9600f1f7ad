#include "agent/attribute/flow_owners.h"

#include <vector>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

class ScriptedAttributor final : public Attributor {
 public:
  Process owner_of(Transport, const Endpoint& local, const Endpoint&, WallTime) override {
    ++asked;
    return knows ? Process{"program-" + std::to_string(local.port), 1000, 7} : Process{};
  }
  bool knows = true;
  int asked = 0;
};

class CountingSink final : public FlightSink {
 public:
  Appetite on_flight(const Flight& flight) override {
    flights.push_back(flight.flow);
    return {3, true};
  }
  void on_flow_end(FlowId flow) override { ended.push_back(flow); }
  void on_opening(const Flight& flight) override { opened.push_back(flight.flow); }
  std::vector<FlowId> opened;
  std::vector<FlowId> flights;
  std::vector<FlowId> ended;
};

constexpr std::array<std::uint8_t, 1> kBytes{0x16};

Flight flight_of(FlowId flow, std::uint16_t port) {
  Flight flight;
  flight.flow = flow;
  flight.bytes = kBytes;
  flight.client.port = port;
  return flight;
}

Sighting sighting_of(FlowId flow) {
  Sighting sighting;
  sighting.flow = flow;
  return sighting;
}

TEST_CASE("FlowOwners: the owner is asked for once a flow and attached to its sightings",
          "[agent][attribute]") {
  ScriptedAttributor attributor;
  CountingSink sink;
  Counters counters;
  FlowOwners owners{attributor, sink, counters};

  const Appetite appetite = owners.on_flight(flight_of(1, 50001));
  owners.on_flight(flight_of(1, 50001));
  owners.on_flight(flight_of(2, 50002));

  CHECK(appetite.consumed == 3);
  CHECK(appetite.enough);
  CHECK(attributor.asked == 2);
  CHECK(sink.flights == std::vector<FlowId>{1, 1, 2});
  Sighting sighting = sighting_of(2);
  owners.attach(sighting);
  CHECK(sighting.process.program == "program-50002");
  CHECK(sighting.process.uid == 1000U);
}

TEST_CASE("FlowOwners: the owner is asked for when a flow opens, and again if that was in vain",
          "[agent][attribute]") {
  ScriptedAttributor attributor;
  CountingSink sink;
  Counters counters;
  FlowOwners owners{attributor, sink, counters};
  const auto open_and_send = [&](FlowId flow, bool known_at_once) {
    Flight flight = flight_of(flow, 50001);
    flight.transport = Transport::tcp;
    attributor.knows = known_at_once;
    attributor.asked = 0;
    flight.bytes = {};
    owners.on_opening(flight);
    attributor.knows = true;
    flight.bytes = kBytes;
    owners.on_flight(flight);
    owners.on_flight(flight);
    Sighting sighting = sighting_of(flow);
    owners.attach(sighting);
    CHECK(sighting.process.program == "program-50001");
    return attributor.asked;
  };
  CHECK(open_and_send(1, true) == 1);
  CHECK(open_and_send(2, false) == 2);
  CHECK(sink.opened == std::vector<FlowId>{1, 2});
}

TEST_CASE("FlowOwners: a UDP port that another program got is asked about again",
          "[agent][attribute]") {
  ScriptedAttributor attributor;
  CountingSink sink;
  Counters counters;
  FlowOwners owners{attributor, sink, counters};
  Flight flight = flight_of(1, 50001);
  const auto send = [&](Transport transport, Side side, std::chrono::milliseconds at) {
    flight.transport = transport;
    flight.side = side;
    flight.when = WallTime{at};
    flight.bytes = kBytes;
    owners.on_flight(flight);
    return attributor.asked;
  };
  using std::chrono::milliseconds;
  CHECK(send(Transport::udp, Side::client, milliseconds{0}) == 1);
  CHECK(send(Transport::udp, Side::client, milliseconds{49}) == 1);
  CHECK(send(Transport::udp, Side::client, milliseconds{50}) == 2);
  // An answer, however late, is of whoever asked; what is sent behind it may be another's.
  CHECK(send(Transport::udp, Side::server, milliseconds{1000}) == 2);
  CHECK(send(Transport::udp, Side::server, milliseconds{1001}) == 2);
  CHECK(send(Transport::udp, Side::client, milliseconds{1002}) == 3);
  // The end of a TCP flow is seen.
  CHECK(send(Transport::tcp, Side::client, milliseconds{60'000}) == 3);
}

TEST_CASE("FlowOwners: every sighting is counted by source and by what is known of it",
          "[agent][attribute]") {
  ScriptedAttributor attributor;
  CountingSink sink;
  Counters counters;
  FlowOwners owners{attributor, sink, counters};
  owners.on_flight(flight_of(1, 50001));
  const auto attach = [&](FlowId flow, Source source, bool answer) {
    Sighting sighting = sighting_of(flow);
    sighting.source = source;
    if (source == Source::dns) {
      sighting.dns.emplace().answer = answer;
    }
    owners.attach(sighting);
  };
  attach(1, Source::tls, false);
  attach(1, Source::dns, false);
  attach(1, Source::dns, true);
  attach(9, Source::quic, false);
  const auto count = [&](const std::string& source, const std::string& outcome) {
    return counters.value("attribute_sightings_total{source=\"" + source + "\",outcome=\"" +
                          outcome + "\"}");
  };
  CHECK(count("tls", "program") == 1);
  CHECK(count("dns", "program") == 1);
  CHECK(count("quic", "unknown") == 1);
  CHECK(count("quic", "program") == 0);
}

TEST_CASE("FlowOwners: an ended flow is forgotten, and its end is handed on",
          "[agent][attribute]") {
  ScriptedAttributor attributor;
  CountingSink sink;
  Counters counters;
  FlowOwners owners{attributor, sink, counters};
  owners.on_flight(flight_of(1, 50001));
  owners.on_flow_end(1);

  Sighting sighting = sighting_of(1);
  owners.attach(sighting);
  CHECK(sighting.process.program.empty());
  CHECK_FALSE(sighting.process.uid);
  CHECK(sink.ended == std::vector<FlowId>{1});
}

TEST_CASE("FlowOwners: a flow inside a tunnel is not asked about", "[agent][attribute]") {
  ScriptedAttributor attributor;
  CountingSink sink;
  Counters counters;
  FlowOwners owners{attributor, sink, counters};
  Flight flight = flight_of(1, 50001);
  flight.tunnelled = true;
  owners.on_flight(flight);
  CHECK(attributor.asked == 0);
  CHECK(sink.flights.size() == 1);
}

TEST_CASE("FlowOwners: a flood of flows is handed on but no longer asked about",
          "[agent][attribute]") {
  ScriptedAttributor attributor;
  CountingSink sink;
  Counters counters;
  FlowOwners owners{attributor, sink, counters};
  for (FlowId flow = 1; flow <= FlowOwners::kMaxFlows + 10; ++flow) {
    owners.on_flight(flight_of(flow, 50000));
  }
  CHECK(attributor.asked == static_cast<int>(FlowOwners::kMaxFlows));
  CHECK(sink.flights.size() == FlowOwners::kMaxFlows + 10);
  owners.on_flow_end(1);
  owners.on_flight(flight_of(FlowOwners::kMaxFlows + 11, 50000));
  CHECK(attributor.asked == static_cast<int>(FlowOwners::kMaxFlows) + 1);
}

}  // namespace
}  // namespace gnomon
