// Any flights: each ends in one outcome, hosts are printable, what is consumed was there. The input
// is a run of flights: what (1: transport, side, start, end), flow and port (1), length (2), bytes.

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "agent/sight/sight.h"

namespace {

void expect(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

class CheckingSink final : public gnomon::SightingSink {
 public:
  void on_sighting(gnomon::Sighting&& sighting) override {
    for (const char c : sighting.host) {
      expect(c > 0x20 && c < 0x7f);
    }
    expect(sighting.hello.has_value() ==
           (sighting.source == gnomon::Source::tls || sighting.source == gnomon::Source::quic));
    expect(sighting.dns.has_value() == (sighting.source == gnomon::Source::dns));
  }
};

// All executions share their counters: with new ones each time, most of one was naming them.
gnomon::Counters& counters() {
  static gnomon::Counters all;
  return all;
}

std::uint64_t sum_of_outcomes() {
  static const std::vector<const gnomon::Counter*> kOutcomes = [] {
    std::vector<const gnomon::Counter*> found;
    for (std::size_t protocol = 0; protocol < gnomon::kProtocols; ++protocol) {
      for (std::size_t outcome = 0; outcome < gnomon::kOutcomes; ++outcome) {
        found.push_back(
            &counters().counter("sight_flights_total", {},
                                {{"protocol", to_string(static_cast<gnomon::Protocol>(protocol))},
                                 {"outcome", to_string(static_cast<gnomon::Outcome>(outcome))}}));
      }
    }
    return found;
  }();
  std::uint64_t sum = 0;
  for (const gnomon::Counter* outcome : kOutcomes) {
    sum += outcome->value();
  }
  return sum;
}

// Held plays the flow room's part: what was not consumed comes again with what follows.
struct Held {
  std::vector<std::uint8_t> bytes;
  bool enough = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::uint16_t, 4> kPorts = {443, 53, 80, 5353};
  CheckingSink sink;
  gnomon::SightOptions options;
  options.max_streams = 2;
  options.answers = {2, 2};
  options.quic = {2, 2};
  gnomon::Sight sight{options, sink, counters()};
  const std::uint64_t before = sum_of_outcomes();
  std::map<std::pair<gnomon::FlowId, gnomon::Side>, Held> streams;
  std::uint64_t handed_over = 0;

  gnomon::ByteReader reader{gnomon::Bytes{data, size}};
  while (reader.remaining() >= 4) {
    const std::uint8_t what = reader.u8();
    const std::uint8_t where = reader.u8();
    const std::size_t length = std::min<std::size_t>(reader.u16(), reader.remaining());
    const gnomon::Bytes bytes = reader.take(length);
    gnomon::Flight flight;
    flight.flow = where & 0x07U;
    flight.client.port = 50000;
    flight.server.port = kPorts[(where >> 3) & 3U];
    flight.transport = (what & 1) != 0 ? gnomon::Transport::tcp : gnomon::Transport::udp;
    flight.side = (what & 2) != 0 ? gnomon::Side::server : gnomon::Side::client;
    flight.from_start = (what & 4) == 0;
    flight.when = gnomon::WallTime{std::chrono::seconds{handed_over * what}};
    ++handed_over;
    if (flight.transport == gnomon::Transport::udp) {
      flight.bytes = bytes;
      sight.on_flight(flight);
    } else {
      Held& held = streams[{flight.flow, flight.side}];
      held.bytes.insert(held.bytes.end(), bytes.begin(), bytes.end());
      const std::vector<std::uint8_t> exact = held.bytes;
      flight.bytes = exact;
      const gnomon::Appetite appetite = sight.on_flight(flight);
      expect(appetite.consumed <= exact.size());
      held.bytes.erase(held.bytes.begin(),
                       held.bytes.begin() + static_cast<std::ptrdiff_t>(appetite.consumed));
      if (appetite.enough) {
        held.bytes.clear();
      }
    }
    if ((what & 8) != 0) {
      sight.on_flow_end(flight.flow);
    }
  }
  expect(sum_of_outcomes() - before == handed_over);
  return 0;
}
