#include <random>
#include <string>

#include "agent/flow/flow_table.h"
#include "tests/support/catch.h"
#include "tests/unit/agent/flow/line.h"

namespace gnomon {

using testing::bulk;
using testing::enough;
using testing::hello;
using testing::Line;
using testing::LineBench;

TEST_CASE("FlowTable: bulk data joined in its middle costs one small buffer and then nothing",
          "[agent][flow]") {
  LineBench f;
  for (std::uint32_t i = 0; i < 10; ++i) {
    f.line.server(1000 + i * 1400, bulk(1400));
  }
  CHECK(f.recorder.calls.empty());
  CHECK(f.table.waiting_flights() == 0);
  CHECK(f.counters.value("flow_datagrams_total{outcome=\"given_up\"}") == 1);
  CHECK(f.counters.value("flow_datagrams_total{outcome=\"settled\"}") == 7);
}

TEST_CASE("FlowTable: a side that never makes sense is given up at the limit", "[agent][flow]") {
  LineBench f;
  f.line.syn(99);
  std::uint32_t at = 100;
  while (at < 100 + kMaxFlightBytes) {
    REQUIRE(f.line.client(at, bulk(1024)) == FlowOutcome::handed);
    at += 1024;
  }
  CHECK(f.recorder.calls.back().bytes.size() == kMaxFlightBytes);
  CHECK(f.line.client(at, bulk(1)) == FlowOutcome::given_up);
  CHECK(f.counters.value("flow_flights_lost_total{reason=\"over_limit\"}") == 1);
  CHECK(f.table.waiting_flights() == 0);
}

TEST_CASE("FlowTable: every datagram has one outcome", "[agent][flow]") {
  std::mt19937 random{3};
  FlowLimits limits;
  limits.flows = 16;
  limits.small_flights = 3;
  limits.large_flights = 2;
  limits.settled = 8;
  LineBench f{limits};
  f.recorder.answer = [&random](const Flight& flight) {
    return Appetite{random() % (flight.bytes.size() + 2), random() % 8 == 0};
  };
  constexpr int kDatagrams = 60000;
  for (int i = 0; i < kDatagrams; ++i) {
    Line line{f.table, f.recorder, static_cast<std::uint16_t>(50000 + random() % 24)};
    line.missing = random() % 50 == 0 ? 7 : 0;
    const std::string text = random() % 4 == 0   ? hello(6 + random() % 3000)
                             : random() % 9 == 0 ? ""
                                                 : bulk(random() % 3000);
    const auto flags = static_cast<std::uint8_t>(random() % 8 == 0 ? TcpFlags::kSyn : 0);
    const double at = i * 0.01;
    if (random() % 2 == 0) {
      line.client(static_cast<std::uint32_t>(random() % 40000), text, flags, at);
    } else {
      line.server(static_cast<std::uint32_t>(random() % 40000), text, flags, at);
    }
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kFlowOutcomes; ++i) {
    sum += f.counters.value("flow_datagrams_total{outcome=\"" +
                            std::string{to_string(static_cast<FlowOutcome>(i))} + "\"}");
  }
  CHECK(sum == kDatagrams);
  f.table.finish(f.recorder);
  CHECK(f.table.active_flows() == 0);
  CHECK(f.table.waiting_flights() == 0);
  // Every flow the sink knew was ended, and none twice.
  std::set<FlowId> known;
  for (const auto* calls : {&f.recorder.calls, &f.recorder.opened}) {
    for (const auto& call : *calls) {
      known.insert(call.flow);
    }
  }
  CHECK(f.recorder.ended.size() == known.size());
  for (const FlowId flow : known) {
    REQUIRE(f.recorder.ended.count(flow) == 1);
  }
}

TEST_CASE("FlowTable: a flood of half-open hellos forgets the oldest and spares the newest",
          "[agent][flow]") {
  FlowLimits limits;
  limits.flows = 1000;
  limits.small_flights = 50;
  LineBench f{limits};
  for (int i = 0; i < 20000; ++i) {
    Line line{f.table, f.recorder, static_cast<std::uint16_t>(10000 + i)};
    line.syn(99);
    line.client(100, hello(600));
    REQUIRE(f.table.active_flows() <= 1000);
    REQUIRE(f.table.waiting_flights() <= 50);
  }
  CHECK(f.counters.value("flow_evicted_total{what=\"flow\"}") == 19000);
  CHECK(f.counters.value("flow_evicted_total{what=\"flight\"}") >= 18000);
  // The last one is still there.
  Line last{f.table, f.recorder, 29999};
  last.client(700, "rest");
  CHECK(f.recorder.calls.back().bytes == hello(600) + "rest");
}

TEST_CASE("FlowTable: bytes that wait in vain are let go after a while", "[agent][flow]") {
  LineBench f;
  f.line.syn(99);
  f.line.client(100, hello(600), 0, 0);
  CHECK(f.table.waiting_flights() == 1);
  Line other{f.table, f.recorder, 50001};
  f.recorder.answer = enough;
  for (int i = 1; i < 40; ++i) {
    other.client(0, bulk(8), TcpFlags::kSyn, i * 10.0);
  }
  CHECK(f.table.waiting_flights() == 0);
  CHECK(f.counters.value("flow_flights_lost_total{reason=\"expired\"}") == 1);
}

}  // namespace gnomon
