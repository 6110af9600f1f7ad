#include "agent/sight/sight.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"
#include "tests/unit/agent/sight/support.h"

namespace gnomon {
namespace {

using testing::client_hello;
using testing::client_hello_record;
using testing::crypto_frame;
using testing::DnsBuilder;
using testing::from_text;
using testing::HelloSpec;
using testing::InitialSpec;
using testing::joined;
using testing::named;
using testing::Octets;
using testing::seal_initial;
using testing::SightBench;

Octets initial_with(Bytes frames, const InitialSpec& spec = {}) {
  return seal_initial(spec, frames);
}

TEST_CASE("Sight: DNS over UDP gives question and answer with its records", "[agent][sight]") {
  SightBench bench;
  const SightBench::Flow flow{.server_port = 53};
  bench.datagram(flow, DnsBuilder{}.question("Trello.com").build());
  bench.datagram({.server_port = 53, .side = Side::server},
                 DnsBuilder{true}
                     .question("trello.com")
                     .answer("trello.com", dns::type::kCname, testing::dns_name("x.cdn.example"))
                     .answer("x.cdn.example", dns::type::kA, Octets{198, 51, 100, 3}, 60)
                     .build());
  REQUIRE(bench.sink.hosts() == "dns:trello.com dns:trello.com");
  const Sighting& query = bench.sink.sightings[0];
  REQUIRE(query.dns);
  CHECK(query.dns->qtype == dns::type::kA);
  CHECK_FALSE(query.dns->answer);
  const Sighting& answer = bench.sink.sightings[1];
  REQUIRE(answer.dns);
  CHECK(answer.dns->answer);
  CHECK(answer.client.port == query.client.port);
  CHECK(answer.server.port == 53);
  REQUIRE(answer.dns->answers.size() == 2);
  CHECK(answer.dns->answers[0].data == "x.cdn.example");
  CHECK(answer.dns->answers[1].data == "198.51.100.3");
  CHECK(answer.dns->answers[1].ttl == 60);
}

TEST_CASE("Sight: DNS over TCP is cut into messages wherever the segments end", "[agent][sight]") {
  const Octets stream = joined({DnsBuilder{}.question("one.example").build_framed(),
                                DnsBuilder{}.question("two.example").build_framed(),
                                DnsBuilder{}.question("three.example").build_framed()});
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    CAPTURE(cut);
    SightBench bench;
    bench.segment({.server_port = 53}, Bytes{stream}.first(cut));
    bench.segment({.server_port = 53}, Bytes{stream}.subspan(cut));
    REQUIRE(bench.sink.hosts() == "dns:one.example dns:two.example dns:three.example");
    REQUIRE(bench.sink.sightings.front().dns->over_tcp);
  }
}

TEST_CASE("Sight: TLS and HTTP on port 53 are what they are", "[agent][sight]") {
  SightBench bench;
  bench.segment({.id = 1, .server_port = 53}, client_hello_record(HelloSpec{}));
  bench.segment({.id = 2, .server_port = 53},
                from_text("GET / HTTP/1.1\r\nHost: h.example\r\n\r\n"));
  CHECK(bench.sink.hosts() == "tls:files.example.com http:h.example");
}

TEST_CASE("Sight: mDNS, LLMNR and DNS on other ports are not told", "[agent][sight]") {
  SightBench bench;
  const Octets query = DnsBuilder{}.question("printer.local").build();
  bench.datagram({.server_port = 5353}, query);
  bench.datagram({.server_port = 5355}, query);
  bench.datagram({.server_port = 5300}, query);
  CHECK(bench.sink.sightings.empty());
  CHECK(bench.count(Protocol::mdns, Outcome::ignored) == 1);
  CHECK(bench.count(Protocol::llmnr, Outcome::ignored) == 1);
  CHECK(bench.count(Protocol::none, Outcome::not_protocol) == 1);
}

TEST_CASE("Sight: encrypted DNS is counted", "[agent][sight]") {
  SightBench bench;
  bench.segment({.id = 1, .server_port = 853}, client_hello_record(named("dns.example")));
  bench.datagram({.id = 2, .server_port = 853},
                 initial_with(crypto_frame(0, client_hello(named("dns.example")))));
  HelloSpec doq = named("dns.example");
  doq.alpn = {"doq"};
  bench.datagram({.id = 3}, initial_with(crypto_frame(0, client_hello(doq))));
  CHECK(bench.counters.value("sight_encrypted_dns_total{kind=\"dot\"}") == 1);
  CHECK(bench.counters.value("sight_encrypted_dns_total{kind=\"doq\"}") == 2);
}

}  // namespace
}  // namespace gnomon
