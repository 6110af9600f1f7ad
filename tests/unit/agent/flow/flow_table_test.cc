#include "agent/flow/flow_table.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/agent/flow/flight_recorder.h"

namespace gnomon {
namespace {

using testing::Buffer;
using testing::FlightRecorder;
using testing::second;

// A message that begins like a TLS ClientHello and then counts, so that every byte has its place.
std::string hello(std::size_t size) {
  std::string text{"\x16\x03\x01\x07\x00\x01", 6};
  for (std::size_t i = text.size(); i < size; ++i) {
    text += static_cast<char>(i * 7 + i / 256);
  }
  return text;
}

// Bulk bytes that begin like nothing we know.
std::string bulk(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += static_cast<char>(0x80 | (i * 11));
  }
  return text;
}

// Line feeds a table with segments of one connection between 10.0.0.1:50000 and 10.0.0.2:443.
class Line {
 public:
  explicit Line(FlowTable& table, FlightRecorder& recorder, std::uint16_t client_port = 50000)
      : table_(table), recorder_(recorder), client_port_(client_port) {}

  FlowOutcome client(std::uint32_t sequence, const std::string& text, std::uint8_t flags = 0,
                     double at = 0) {
    return send(true, sequence, text, flags, at);
  }
  FlowOutcome server(std::uint32_t sequence, const std::string& text, std::uint8_t flags = 0,
                     double at = 0) {
    return send(false, sequence, text, flags, at);
  }
  FlowOutcome syn(std::uint32_t sequence) { return client(sequence, "", TcpFlags::kSyn); }

  std::uint32_t missing = 0;

 private:
  FlowOutcome send(bool from_client, std::uint32_t sequence, const std::string& text,
                   std::uint8_t flags, double at) {
    payload_.assign(text.begin(), text.end());
    const Endpoint client{testing::ipv4_address(1), client_port_};
    const Endpoint server{testing::ipv4_address(2), 443};
    Datagram datagram;
    datagram.when = second(at);
    datagram.source = from_client ? client : server;
    datagram.destination = from_client ? server : client;
    datagram.transport = Transport::tcp;
    datagram.tcp_sequence = sequence;
    datagram.tcp_flags = flags;
    datagram.payload = payload_;
    datagram.missing = missing;
    return table_.add(datagram, recorder_);
  }

  FlowTable& table_;
  FlightRecorder& recorder_;
  std::uint16_t client_port_;
  Buffer payload_;
};

struct Fixture {
  explicit Fixture(const FlowLimits& limits = {}) : table(limits, counters) {}

  Counters counters;
  FlowTable table;
  FlightRecorder recorder;
  Line line{table, recorder};
};

Appetite enough(const Flight& flight) {
  return {flight.bytes.size(), true};
}
Appetite eats_all(const Flight& flight) {
  return {flight.bytes.size(), false};
}

}  // namespace

TEST_CASE("FlowTable: a flight complete in one segment is handed over where it lies",
          "[agent][flow]") {
  Fixture f;
  f.recorder.answer = enough;
  f.line.syn(99);
  CHECK(f.line.client(100, hello(500)) == FlowOutcome::handed);
  REQUIRE(f.recorder.calls.size() == 1);
  const auto& call = f.recorder.calls[0];
  CHECK(call.bytes == hello(500));
  CHECK(call.side == Side::client);
  CHECK(call.client.port == 50000);
  CHECK(call.server.port == 443);
  CHECK(call.from_start);
  CHECK(f.table.waiting_flights() == 0);
}

TEST_CASE("FlowTable: the sink is told once that a flow opens, and of its end without a byte too",
          "[agent][flow]") {
  Fixture f;
  f.line.syn(99);
  f.line.syn(99);
  f.line.server(500, "", TcpFlags::kSyn | TcpFlags::kAck);
  REQUIRE(f.recorder.opened.size() == 1);
  const auto opened = f.recorder.opened[0];
  CHECK(opened.client.port == 50000);
  CHECK(opened.server.port == 443);
  CHECK(opened.side == Side::client);
  CHECK(opened.bytes.empty());
  CHECK(f.recorder.calls.empty());

  // The ports again: the first flow is over.
  f.line.syn(70'000);
  REQUIRE(f.recorder.opened.size() == 2);
  CHECK(f.recorder.ended == std::multiset<FlowId>{opened.flow});
  f.line.client(70'001, hello(100));
  REQUIRE(f.recorder.calls.size() == 1);
  CHECK(f.recorder.calls[0].flow == f.recorder.opened[1].flow);
  f.table.finish(f.recorder);
  CHECK(f.recorder.ended.size() == 2);
}

TEST_CASE("FlowTable: a flight over three segments grows until the sink has enough",
          "[agent][flow]") {
  Fixture f;
  f.line.syn(99);
  const std::string text = hello(3000);
  f.line.client(100, text.substr(0, 1200), 0, 1);
  f.line.client(1300, text.substr(1200, 1200), 0, 2);
  f.recorder.answer = enough;
  f.line.client(2500, text.substr(2400), 0, 3);
  REQUIRE(f.recorder.calls.size() == 3);
  CHECK(f.recorder.calls[0].bytes.size() == 1200);
  CHECK(f.recorder.calls[1].bytes.size() == 2400);
  CHECK(f.recorder.calls[2].bytes == text);
  CHECK(f.recorder.calls[2].first == second(1));
  CHECK(f.recorder.calls[2].when == second(3));
  CHECK(f.table.waiting_flights() == 0);
  CHECK(f.line.client(3100, bulk(1400)) == FlowOutcome::settled);
}

TEST_CASE("FlowTable: any cut and any order of the same bytes give the same flight",
          "[agent][flow]") {
  std::mt19937 random{20261122};
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    const bool with_syn = round % 4 != 0;
    const std::size_t size = with_syn ? 1 + random() % FlightBuffers::kSmallBytes * 4
                                      : 6 + random() % (FlightBuffers::kSmallBytes - 6);
    const std::string text = hello(std::max<std::size_t>(size, 6));
    // Begin near the wrap of the sequence numbers in every second round.
    const auto jump = static_cast<std::uint32_t>(random());
    const std::uint32_t begin = round % 2 == 0 ? jump : 0xffffffffU - jump % 2000;

    struct Piece {
      std::size_t at;
      std::size_t size;
    };
    std::vector<Piece> pieces;
    const std::size_t longest = round % 5 == 0 ? 3 : 1 + random() % 1500;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t step = std::min<std::size_t>(1 + random() % longest, text.size() - at);
      // Some pieces reach back into those before and forward into those behind.
      const std::size_t back = random() % 3 == 0 ? std::min<std::size_t>(at, random() % 50) : 0;
      const std::size_t on =
          random() % 3 == 0 ? std::min<std::size_t>(text.size() - at - step, random() % 50) : 0;
      pieces.push_back({at - back, step + back + on});
      if (random() % 5 == 0) {
        pieces.push_back({at, step});
      }
      at += step;
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    if (!with_syn && longest < 12) {
      // Where tiny pieces come in any order and no SYN tells the start, nobody can know it.
      std::sort(pieces.begin(), pieces.end(), [](auto& a, auto& b) { return a.at < b.at; });
    }

    FlowLimits limits;
    limits.flows = 4;
    limits.small_flights = 2;
    limits.large_flights = 2;
    Fixture f{limits};
    if (with_syn) {
      f.line.syn(begin - 1);
    }
    for (const Piece& piece : pieces) {
      f.line.client(begin + static_cast<std::uint32_t>(piece.at),
                    text.substr(piece.at, piece.size));
    }
    REQUIRE_FALSE(f.recorder.calls.empty());
    const auto& last = f.recorder.calls.back();
    const std::size_t expected = std::min(text.size(), kMaxFlightBytes);
    REQUIRE(last.bytes.size() == expected);
    REQUIRE(last.bytes == text.substr(0, expected));
    CHECK(last.from_start == with_syn);
    CHECK(last.client.port == 50000);
  }
}

TEST_CASE("FlowTable: what the sink consumes piece by piece adds up to the stream",
          "[agent][flow]") {
  std::mt19937 random{7};
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    const std::string text = hello(40000);
    Fixture f;
    f.recorder.answer = [&random](const Flight& flight) {
      // At least half, so that the window never fills up.
      const std::size_t half = flight.bytes.size() / 2 + 1;
      return Appetite{std::min(flight.bytes.size(), half + random() % half), false};
    };
    f.line.syn(0xffffff00);
    std::vector<std::size_t> starts;
    for (std::size_t at = 0; at < text.size(); at += 700) {
      starts.push_back(at);
    }
    // Disorder within reach of a few segments, as networks make it.
    for (std::size_t i = 0; i + 4 < starts.size(); i += 4) {
      std::shuffle(starts.begin() + static_cast<std::ptrdiff_t>(i),
                   starts.begin() + static_cast<std::ptrdiff_t>(i + 4), random);
    }
    for (const std::size_t at : starts) {
      f.line.client(0xffffff01 + static_cast<std::uint32_t>(at), text.substr(at, 700));
    }
    CHECK(f.recorder.text(f.recorder.calls.back().flow) == text);
  }
}

TEST_CASE("FlowTable: the first copy of a byte wins", "[agent][flow]") {
  Fixture f;
  f.line.syn(0);
  f.line.client(4, "defg");
  f.line.client(2, "bXXXXXXh");
  f.line.client(1, "a");
  CHECK(f.recorder.calls.back().bytes == "abXdefgXh");
}

TEST_CASE("FlowTable: a keep-alive probe and a repeated segment change nothing", "[agent][flow]") {
  Fixture f;
  f.line.syn(99);
  f.line.client(100, hello(50));
  CHECK(f.line.client(149, std::string(1, '\0')) == FlowOutcome::repeated);
  CHECK(f.line.client(100, hello(50)) == FlowOutcome::repeated);
  CHECK(f.recorder.calls.size() == 1);
}

TEST_CASE("FlowTable: data in the SYN comes first", "[agent][flow]") {
  Fixture f;
  f.line.client(99, "abc", TcpFlags::kSyn);
  f.line.client(103, "def");
  CHECK(f.recorder.calls.back().bytes == "abcdef");
  CHECK(f.recorder.calls.back().from_start);
}

TEST_CASE("FlowTable: a SYN that comes late puts things in their place", "[agent][flow]") {
  Fixture f;
  f.line.client(103, "def");
  f.line.syn(99);
  CHECK(f.recorder.calls.empty());
  f.line.client(100, "abc");
  REQUIRE(f.recorder.calls.size() == 1);
  CHECK(f.recorder.calls[0].bytes == "abcdef");
  CHECK(f.recorder.calls[0].from_start);
}

TEST_CASE("FlowTable: a flow joined without its SYN begins where a message begins",
          "[agent][flow]") {
  Fixture f;
  SECTION("in the first segment seen") {
    CHECK(f.line.client(500, hello(100)) == FlowOutcome::handed);
  }
  SECTION("after the rest of something else") {
    CHECK(f.line.client(100, bulk(400)) == FlowOutcome::held);
    CHECK(f.line.client(500, hello(100)) == FlowOutcome::handed);
  }
  SECTION("in reverse order") {
    CHECK(f.line.client(550, hello(100).substr(50)) == FlowOutcome::held);
    CHECK(f.line.client(500, hello(100).substr(0, 50)) == FlowOutcome::handed);
  }
  SECTION("byte by byte") {
    for (std::uint32_t i = 0; i < 100; ++i) {
      f.line.client(500 + i, hello(100).substr(i, 1));
    }
  }
  REQUIRE_FALSE(f.recorder.calls.empty());
  CHECK(f.recorder.calls.back().bytes == hello(100));
  CHECK_FALSE(f.recorder.calls.back().from_start);
  CHECK(f.recorder.calls.back().client.port == 50000);
}

TEST_CASE("FlowTable: bulk data joined in its middle costs one small buffer and then nothing",
          "[agent][flow]") {
  Fixture f;
  for (std::uint32_t i = 0; i < 10; ++i) {
    f.line.server(1000 + i * 1400, bulk(1400));
  }
  CHECK(f.recorder.calls.empty());
  CHECK(f.table.waiting_flights() == 0);
  CHECK(f.counters.value("flow_datagrams_total{outcome=\"given_up\"}") == 1);
  CHECK(f.counters.value("flow_datagrams_total{outcome=\"settled\"}") == 7);
}

TEST_CASE("FlowTable: the client is told by content when there is no SYN", "[agent][flow]") {
  Fixture f;
  // The server's data comes first, from the lower port, then a hello from that same low port.
  f.line.client(1, bulk(10));
  f.line.server(900, hello(64));
  REQUIRE(f.recorder.calls.size() == 1);
  CHECK(f.recorder.calls[0].client.port == 443);
  CHECK(f.recorder.calls[0].side == Side::client);
}

TEST_CASE("FlowTable: ports used again make a new flow", "[agent][flow]") {
  Fixture f;
  f.recorder.answer = enough;
  SECTION("with a SYN") {
    f.line.syn(99);
    f.line.client(100, hello(50));
    f.line.syn(70000);
    f.line.client(70001, hello(60));
  }
  SECTION("without a SYN, as a live filter shows it") {
    f.line.client(100, hello(50));
    f.line.client(3'000'000'000, hello(60));
  }
  REQUIRE(f.recorder.calls.size() == 2);
  CHECK(f.recorder.calls[0].flow != f.recorder.calls[1].flow);
  CHECK(f.recorder.calls[1].bytes == hello(60));
  CHECK(f.recorder.ended.count(f.recorder.calls[0].flow) == 1);
}

TEST_CASE("FlowTable: a hello sent again after it was read is not a new flow", "[agent][flow]") {
  Fixture f;
  f.recorder.answer = enough;
  f.line.syn(99);
  f.line.client(100, hello(50));
  CHECK(f.line.client(100, hello(50)) == FlowOutcome::repeated);
  f.line.syn(99);
  CHECK(f.line.client(100, hello(50)) == FlowOutcome::repeated);
  CHECK(f.recorder.calls.size() == 1);
}

TEST_CASE("FlowTable: a hello on a settled side is read, over several segments too",
          "[agent][flow]") {
  Fixture f;
  f.recorder.answer = enough;
  f.line.syn(99);
  f.line.client(100, "EHLO mail.example\r\n");
  f.line.client(119, bulk(100));
  f.recorder.answer = [](const Flight&) { return Appetite{}; };
  f.line.client(219, hello(900).substr(0, 500));
  f.line.client(719, hello(900).substr(500));
  CHECK(f.recorder.calls.back().bytes == hello(900));
  CHECK(f.counters.value("flow_reopened_total") == 1);
}

TEST_CASE("FlowTable: a tunnel's inside follows what the sink consumed", "[agent][flow]") {
  Fixture f;
  const std::string request = "CONNECT example.com:443 HTTP/1.1\r\n\r\n";
  f.recorder.answer = eats_all;
  f.line.syn(99);
  f.line.client(100, request);
  f.recorder.answer = [](const Flight&) { return Appetite{}; };
  const auto at = 100 + static_cast<std::uint32_t>(request.size());
  f.line.client(at, hello(2000).substr(0, 1400));
  f.line.client(at + 1400, hello(2000).substr(1400));
  CHECK(f.recorder.calls.back().bytes == hello(2000));
  CHECK(f.recorder.calls.back().flow == f.recorder.calls.front().flow);
}

TEST_CASE("FlowTable: a message behind a hole that stays is read after some patience",
          "[agent][flow]") {
  Fixture f;
  const std::string request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
  f.recorder.answer = eats_all;
  f.line.syn(99);
  f.line.client(100, request, 0, 0);
  const auto next = 100 + static_cast<std::uint32_t>(request.size());
  CHECK(f.line.client(next + 500, request, 0, 1) == FlowOutcome::held);
  CHECK(f.recorder.calls.size() == 1);
  SECTION("when the side goes on") {
    f.line.client(next + 9000, bulk(10), 0, 5);
  }
  SECTION("when another flow goes on") {
    Line other{f.table, f.recorder, 50001};
    other.client(5, bulk(10), 0, 5);
  }
  SECTION("at the end of the file") {
    f.table.finish(f.recorder);
  }
  REQUIRE(f.recorder.calls.size() >= 2);
  CHECK(f.recorder.calls[1].bytes == request);
  CHECK(f.recorder.calls[1].flow != f.recorder.calls[0].flow);
  CHECK_FALSE(f.recorder.calls[1].from_start);
}

TEST_CASE("FlowTable: what a snaplen cut off is not waited for", "[agent][flow]") {
  Fixture f;
  f.recorder.answer = eats_all;
  f.line.syn(99);
  f.line.missing = 400;
  f.line.client(100, "GET /long HTTP/1.1\r\nHost: a.example\r\n");
  f.line.missing = 0;
  f.line.client(536, "GET /next HTTP/1.1\r\nHost: b.example\r\n\r\n");
  REQUIRE(f.recorder.calls.size() == 2);
  CHECK(f.recorder.calls[1].bytes.substr(0, 9) == "GET /next");
}

TEST_CASE("FlowTable: a side that never makes sense is given up at the limit", "[agent][flow]") {
  Fixture f;
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

TEST_CASE("FlowTable: UDP datagrams of one pair of ends share a flow", "[agent][flow]") {
  Fixture f;
  const Endpoint client{testing::ipv6_address(1), 55555};
  const Endpoint server{testing::ipv6_address(2), 443};
  const Buffer payload{0xc1, 2, 3};
  Datagram datagram;
  datagram.source = client;
  datagram.destination = server;
  datagram.payload = payload;
  f.table.add(datagram, f.recorder);
  std::swap(datagram.source, datagram.destination);
  f.table.add(datagram, f.recorder);
  datagram.destination.port = 55556;
  f.table.add(datagram, f.recorder);
  REQUIRE(f.recorder.calls.size() == 3);
  CHECK(f.recorder.calls[0].flow == f.recorder.calls[1].flow);
  CHECK(f.recorder.calls[0].side == Side::client);
  CHECK(f.recorder.calls[1].side == Side::server);
  CHECK(f.recorder.calls[1].client == client);
  // Seen first in its answer: the well-known port is the server all the same.
  CHECK(f.recorder.calls[2].flow != f.recorder.calls[0].flow);
  CHECK(f.recorder.calls[2].side == Side::server);
  // A QUIC packet with a short header carries no hello; DNS may begin with any byte.
  const Buffer short_header{0x41, 2, 3};
  datagram.payload = short_header;
  CHECK(f.table.add(datagram, f.recorder) == FlowOutcome::settled);
  datagram.source.port = 53;
  CHECK(f.table.add(datagram, f.recorder) == FlowOutcome::handed);
}

TEST_CASE("FlowTable: every datagram has one outcome", "[agent][flow]") {
  std::mt19937 random{3};
  FlowLimits limits;
  limits.flows = 16;
  limits.small_flights = 3;
  limits.large_flights = 2;
  limits.settled = 8;
  Fixture f{limits};
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
  Fixture f{limits};
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
  Fixture f;
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
