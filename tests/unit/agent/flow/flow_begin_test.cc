#include <algorithm>

#include "agent/flow/flow_table.h"
#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/agent/flow/line.h"

namespace gnomon {

using testing::Buffer;
using testing::bulk;
using testing::enough;
using testing::hello;
using testing::LineBench;

TEST_CASE("FlowTable: the sink is told once that a flow opens, and of its end without a byte too",
          "[agent][flow]") {
  LineBench f;
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

TEST_CASE("FlowTable: a flow joined without its SYN begins where a message begins",
          "[agent][flow]") {
  LineBench f;
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

TEST_CASE("FlowTable: the client is told by content when there is no SYN", "[agent][flow]") {
  LineBench f;
  // The server's data comes first, from the lower port, then a hello from that same low port.
  f.line.client(1, bulk(10));
  f.line.server(900, hello(64));
  REQUIRE(f.recorder.calls.size() == 1);
  CHECK(f.recorder.calls[0].client.port == 443);
  CHECK(f.recorder.calls[0].side == Side::client);
}

TEST_CASE("FlowTable: ports used again make a new flow", "[agent][flow]") {
  LineBench f;
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
  LineBench f;
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
  LineBench f;
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

TEST_CASE("FlowTable: UDP datagrams of one pair of ends share a flow", "[agent][flow]") {
  LineBench f;
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

}  // namespace gnomon
