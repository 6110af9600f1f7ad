#include <string>
#include <vector>

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
using testing::from_hex;
using testing::from_text;
using testing::HelloSpec;
using testing::https_data;
using testing::InitialSpec;
using testing::named;
using testing::Octets;
using testing::seal_initial;
using testing::SightBench;

Octets initial_with(Bytes frames, const InitialSpec& spec = {}) {
  return seal_initial(spec, frames);
}

TEST_CASE("Sight: a hello on any port gives one sighting with its details", "[agent][sight]") {
  SightBench bench;
  bench.segment({.server_port = 8443}, client_hello_record(named("App.Asana.COM")));
  REQUIRE(bench.sink.sightings.size() == 1);
  const Sighting& sighting = bench.sink.sightings.front();
  CHECK(sighting.source == Source::tls);
  CHECK(sighting.host == "app.asana.com");
  CHECK(sighting.client.port == 50001);
  CHECK(sighting.server.port == 8443);
  REQUIRE(sighting.hello);
  CHECK(sighting.hello->alpn == std::vector<std::string>{"h2", "http/1.1"});
  CHECK(sighting.hello->ech == Ech::none);
  CHECK(sighting.hello->ja4.substr(0, 10) == "t13d0304h2");
  CHECK(bench.had_enough({.server_port = 8443}));
}

TEST_CASE("Sight: a hello cut anywhere in two, or into single bytes, gives the same",
          "[agent][sight]") {
  const Octets stream = client_hello_record(HelloSpec{});
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    CAPTURE(cut);
    SightBench bench;
    bench.segment({}, Bytes{stream}.first(cut));
    bench.segment({}, Bytes{stream}.subspan(cut));
    REQUIRE(bench.sink.hosts() == "tls:files.example.com");
  }
  SightBench bench;
  for (const std::uint8_t byte : stream) {
    bench.segment({}, Octets{byte});
  }
  CHECK(bench.sink.hosts() == "tls:files.example.com");
  CHECK(bench.outcomes() == bench.handed_over);
}

TEST_CASE("Sight: a hello from the side that seemed the server turns the sighting round",
          "[agent][sight]") {
  SightBench bench;
  bench.segment({.side = Side::server, .from_start = false}, client_hello_record(HelloSpec{}));
  REQUIRE(bench.sink.hosts() == "tls:files.example.com");
  CHECK(bench.sink.sightings.front().client.port == 443);
  CHECK(bench.sink.sightings.front().server.port == 50001);
}

TEST_CASE("Sight: a hello without a name is told without a host", "[agent][sight]") {
  SightBench bench;
  bench.segment({}, client_hello_record(named("")));
  CHECK(bench.sink.hosts() == "tls:");
  CHECK(bench.count(Protocol::tls, Outcome::nameless) == 1);
}

TEST_CASE("Sight: a name that is none is counted, not told", "[agent][sight]") {
  SightBench bench;
  bench.segment({}, client_hello_record(named("a b\x01")));
  CHECK(bench.sink.sightings.empty());
  CHECK(bench.count(Protocol::tls, Outcome::bad_name) == 1);
}

TEST_CASE("Sight: TLS behind SOCKS, PROXY and STARTTLS greetings is found", "[agent][sight]") {
  const Octets hello = client_hello_record(HelloSpec{});
  SightBench bench;
  bench.segment({.id = 1}, from_hex("050100"));
  bench.segment({.id = 1}, from_hex("050100030b 6578616d706c652e636f6d 01bb"));
  bench.segment({.id = 1}, hello);
  bench.segment({.id = 2}, from_text("PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n"));
  bench.segment({.id = 2}, hello);
  bench.segment({.id = 3}, from_text("EHLO me.example\r\n"));
  bench.segment({.id = 3}, from_text("STARTTLS\r\n"));
  bench.segment({.id = 3}, hello);
  CHECK(bench.sink.hosts() == "tls:files.example.com tls:files.example.com tls:files.example.com");
  CHECK(bench.outcomes() == bench.handed_over);
}

TEST_CASE("Sight: a stream nobody knows is let go after a little", "[agent][sight]") {
  SightBench bench;
  for (int i = 0; i < 100; ++i) {
    bench.segment({.id = 1}, from_text("some text\r\n"));
  }
  CHECK(bench.had_enough({.id = 1}));
  CHECK(bench.count(Protocol::none, Outcome::not_protocol) == 12);
  bench.segment({.id = 2}, Octets(5000, 'x'));
  CHECK(bench.had_enough({.id = 2}));
  bench.segment({.id = 3, .side = Side::server}, from_text("220 mail ready\r\n"));
  CHECK(bench.had_enough({.id = 3, .side = Side::server}));
  bench.segment({.id = 4}, from_hex("1703030020"));
  CHECK(bench.had_enough({.id = 4}));
  CHECK(bench.sink.sightings.empty());
}

TEST_CASE("Sight: ECH is GREASE unless its outer name is a public one", "[agent][sight]") {
  SightBench bench;
  HelloSpec spec = named("www.example.com");
  spec.ech = true;
  bench.segment({.id = 1}, client_hello_record(spec));
  spec.name = "cloudflare-ech.com";
  bench.segment({.id = 2}, client_hello_record(spec));
  spec.name.clear();
  bench.segment({.id = 3}, client_hello_record(spec));
  REQUIRE(bench.sink.sightings.size() == 3);
  CHECK(bench.sink.sightings[0].hello->ech == Ech::grease);
  CHECK(bench.sink.sightings[1].hello->ech == Ech::real);
  CHECK(bench.sink.sightings[2].hello->ech == Ech::unknown);
}

TEST_CASE("Sight: a name hidden by ECH is recovered from DNS and marked", "[agent][sight]") {
  SightBench bench;
  const SightBench::Flow dns{.id = 1, .server_port = 53, .side = Side::server};
  const Octets server = {192, 0, 2, 99};
  bench.datagram(dns, DnsBuilder{true}
                          .question("secret.example", dns::type::kHttps)
                          .answer("secret.example", dns::type::kHttps, https_data("front.example"))
                          .build());
  bench.datagram(dns, DnsBuilder{true}
                          .question("secret.example")
                          .answer("secret.example", dns::type::kA, server)
                          .build());
  bench.sink.sightings.clear();
  HelloSpec spec = named("front.example");
  spec.ech = true;
  // DnsBuilder's client is the flow's: ask from the same one.
  bench.segment({.id = 1}, client_hello_record(spec));
  REQUIRE(bench.sink.hosts() == "tls:front.example tls:secret.example");
  CHECK_FALSE(bench.sink.sightings[0].recovered);
  CHECK(bench.sink.sightings[0].hello->ech == Ech::real);
  CHECK(bench.sink.sightings[1].recovered);
}

TEST_CASE("Sight: GREASE protocols are dropped and odd ones escaped", "[agent][sight]") {
  SightBench bench;
  HelloSpec spec;
  spec.alpn = {"\xba\xba", "h2", std::string("a\x01 b", 4)};
  bench.segment({}, client_hello_record(spec));
  REQUIRE(bench.sink.sightings.size() == 1);
  CHECK(bench.sink.sightings[0].hello->alpn == std::vector<std::string>{"h2", "a\\001\\032b"});
}

TEST_CASE("Sight: a flow that ended is forgotten", "[agent][sight]") {
  SightBench bench;
  const Octets datagram = initial_with(crypto_frame(0, client_hello(named("q.example"))));
  bench.datagram({}, datagram);
  bench.sight.on_flow_end(1);
  bench.datagram({}, datagram);
  CHECK(bench.sink.hosts() == "quic:q.example quic:q.example");
}

}  // namespace
}  // namespace gnomon
