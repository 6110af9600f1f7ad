#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "agent/flow/flow_table.h"
#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/agent/flow/line.h"

namespace gnomon {

using testing::bulk;
using testing::eats_all;
using testing::enough;
using testing::hello;
using testing::Line;
using testing::LineBench;
using testing::second;

TEST_CASE("FlowTable: a flight complete in one segment is handed over where it lies",
          "[agent][flow]") {
  LineBench f;
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

TEST_CASE("FlowTable: a flight over three segments grows until the sink has enough",
          "[agent][flow]") {
  LineBench f;
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
    LineBench f{limits};
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
    LineBench f;
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
  LineBench f;
  f.line.syn(0);
  f.line.client(4, "defg");
  f.line.client(2, "bXXXXXXh");
  f.line.client(1, "a");
  CHECK(f.recorder.calls.back().bytes == "abXdefgXh");
}

TEST_CASE("FlowTable: a keep-alive probe and a repeated segment change nothing", "[agent][flow]") {
  LineBench f;
  f.line.syn(99);
  f.line.client(100, hello(50));
  CHECK(f.line.client(149, std::string(1, '\0')) == FlowOutcome::repeated);
  CHECK(f.line.client(100, hello(50)) == FlowOutcome::repeated);
  CHECK(f.recorder.calls.size() == 1);
}

TEST_CASE("FlowTable: data in the SYN comes first", "[agent][flow]") {
  LineBench f;
  f.line.client(99, "abc", TcpFlags::kSyn);
  f.line.client(103, "def");
  CHECK(f.recorder.calls.back().bytes == "abcdef");
  CHECK(f.recorder.calls.back().from_start);
}

TEST_CASE("FlowTable: a SYN that comes late puts things in their place", "[agent][flow]") {
  LineBench f;
  f.line.client(103, "def");
  f.line.syn(99);
  CHECK(f.recorder.calls.empty());
  f.line.client(100, "abc");
  REQUIRE(f.recorder.calls.size() == 1);
  CHECK(f.recorder.calls[0].bytes == "abcdef");
  CHECK(f.recorder.calls[0].from_start);
}

TEST_CASE("FlowTable: a tunnel's inside follows what the sink consumed", "[agent][flow]") {
  LineBench f;
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
  LineBench f;
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
  LineBench f;
  f.recorder.answer = eats_all;
  f.line.syn(99);
  f.line.missing = 400;
  f.line.client(100, "GET /long HTTP/1.1\r\nHost: a.example\r\n");
  f.line.missing = 0;
  f.line.client(536, "GET /next HTTP/1.1\r\nHost: b.example\r\n\r\n");
  REQUIRE(f.recorder.calls.size() == 2);
  CHECK(f.recorder.calls[1].bytes.substr(0, 9) == "GET /next");
}

}  // namespace gnomon
