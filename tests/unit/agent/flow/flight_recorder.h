// FlightRecorder: a sink that remembers what it was given.

#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/flow/flight_sink.h"

namespace gnomon::testing {

// FlightRecorder joins the bytes of each flow and side, as a parser would see them. By default it
// wants ever more and consumes nothing; `answer` may say otherwise.
class FlightRecorder final : public FlightSink {
 public:
  struct Call {
    FlowId flow;
    Side side;
    std::string bytes;
    Endpoint client;
    Endpoint server;
    bool from_start;
    WallTime first;
    WallTime when;
    const std::uint8_t* data;
  };

  std::function<Appetite(const Flight&)> answer = [](const Flight&) { return Appetite{}; };
  std::vector<Call> calls;
  std::vector<Call> opened;
  std::multiset<FlowId> ended;

  void on_opening(const Flight& flight) override {
    opened.push_back({flight.flow,
                      flight.side,
                      {},
                      flight.client,
                      flight.server,
                      flight.from_start,
                      flight.first,
                      flight.when,
                      flight.bytes.data()});
  }

  Appetite on_flight(const Flight& flight) override {
    const std::string bytes{flight.bytes.begin(), flight.bytes.end()};
    calls.push_back({flight.flow, flight.side, bytes, flight.client, flight.server,
                     flight.from_start, flight.first, flight.when, flight.bytes.data()});
    const Appetite appetite = answer(flight);
    std::string& text = consumed_[{flight.flow, flight.side}];
    shown_[{flight.flow, flight.side}] = text + bytes;
    text += bytes.substr(0, appetite.consumed);
    return appetite;
  }

  void on_flow_end(FlowId flow) override { ended.insert(flow); }

  // text is all that one side of a flow was shown, from its first byte.
  std::string text(FlowId flow, Side side = Side::client) const {
    const auto found = shown_.find({flow, side});
    return found == shown_.end() ? std::string{} : found->second;
  }

 private:
  std::map<std::pair<FlowId, Side>, std::string> consumed_;
  std::map<std::pair<FlowId, Side>, std::string> shown_;
};

}  // namespace gnomon::testing
