#include "agent/sight/sight.h"

#include <algorithm>
#include <random>

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
using testing::joined;
using testing::Octets;
using testing::seal_initial;
using testing::SightBench;

HelloSpec named(std::string name) {
  HelloSpec spec;
  spec.name = std::move(name);
  return spec;
}

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

TEST_CASE("Sight: HTTP gives its host whatever the port and the cuts", "[agent][sight]") {
  const Octets request =
      from_text("GET / HTTP/1.1\r\nAccept: */*\r\nhOsT: \tWWW.Example.com:8080 \r\n\r\n");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    CAPTURE(cut);
    SightBench bench;
    bench.segment({.server_port = 22}, Bytes{request}.first(cut));
    bench.segment({.server_port = 22}, Bytes{request}.subspan(cut));
    REQUIRE(bench.sink.hosts() == "http:www.example.com");
    REQUIRE(bench.outcomes() == bench.handed_over);
  }
}

TEST_CASE("Sight: a host is told as soon as its line is whole", "[agent][sight]") {
  SightBench bench;
  bench.segment({}, from_text("GET / HTTP/1.1\r\nHost: a.example"));
  CHECK(bench.sink.sightings.empty());
  bench.segment({}, from_text(".org\r\n"));
  CHECK(bench.sink.hosts() == "http:a.example.org");
}

TEST_CASE("Sight: pipelined requests are walked, each host told once", "[agent][sight]") {
  SightBench bench;
  bench.segment({}, from_text("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n"
                              "POST /2 HTTP/1.1\r\nHost: b.example\r\nContent-Length: 28\r\n\r\n"
                              "GET / HTTP/1.1\r\nHost: no\r\n\r\n"
                              "PUT /3 HTTP/1.1\r\nHost: c.example\r\nTransfer-Encoding: chunked\r\n"
                              "\r\n1a;x=y\r\nGET / HTTP/1.1\r\nHost: no\r\n"
                              "\r\n0\r\nTrailer: x\r\n\r\n"
                              "GET /4 HTTP/1.1\r\nHost: a.example\r\n\r\n"
                              "\r\nPROPFIND /5 HTTP/1.1\r\nHost: d.example\r\n\r\n"));
  CHECK(bench.sink.hosts() == "http:a.example http:b.example http:c.example http:d.example");
}

TEST_CASE("Sight: pipelined requests give the same byte by byte", "[agent][sight]") {
  SightBench bench;
  for (const char c :
       std::string_view{"POST /2 HTTP/1.1\r\nHost: b.example\r\nContent-Length: 3\r\n\r\nabc"
                        "PUT /3 HTTP/1.1\r\nHost: c.example\r\nTransfer-Encoding: chunked\r\n"
                        "\r\n3\r\nabc\r\n0\r\n\r\n"
                        "GET /4 HTTP/1.1\r\nHost: a.example\r\n\r\n"}) {
    bench.segment({}, Octets{static_cast<std::uint8_t>(c)});
  }
  CHECK(bench.sink.hosts() == "http:b.example http:c.example http:a.example");
  CHECK(bench.outcomes() == bench.handed_over);
}

TEST_CASE("Sight: an absolute target outranks the Host header", "[agent][sight]") {
  SightBench bench;
  bench.segment({}, from_text("GET http://real.example/x HTTP/1.1\r\nHost: proxy.example\r\n\r\n"
                              "GET http://next.example/x HTTP/1.1\r\nHost: proxy.example\r\n\r\n"));
  CHECK(bench.sink.hosts() == "http:real.example http:next.example");
}

TEST_CASE("Sight: TLS inside a CONNECT tunnel is found, with everything cut", "[agent][sight]") {
  const Octets stream = joined({from_text("CONNECT app.example:443 HTTP/1.1\r\n"
                                          "Host: app.example:443\r\n\r\n"),
                                client_hello_record(named("inside.example"))});
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    CAPTURE(cut);
    SightBench bench;
    bench.segment({.server_port = 3128}, Bytes{stream}.first(cut));
    bench.segment({.server_port = 3128}, Bytes{stream}.subspan(cut));
    REQUIRE(bench.sink.hosts() == "http:app.example tls:inside.example");
    REQUIRE(bench.had_enough({.server_port = 3128}));
  }
}

TEST_CASE("Sight: a CONNECT that was refused may be tried again", "[agent][sight]") {
  SightBench bench;
  bench.segment({}, from_text("CONNECT app.example:443 HTTP/1.1\r\n\r\n"));
  bench.segment({}, from_text("CONNECT app.example:443 HTTP/1.1\r\nAuthorization: x\r\n\r\n"));
  bench.segment({}, client_hello_record(named("app.example")));
  CHECK(bench.sink.hosts() == "http:app.example tls:app.example");
}

TEST_CASE("Sight: SIP and RTSP over TCP and the server's half name nothing", "[agent][sight]") {
  SightBench bench;
  bench.segment({.id = 1}, from_text("OPTIONS sip:x@sip.example SIP/2.0\r\nHost: no\r\n\r\n"));
  bench.segment({.id = 2}, from_text("OPTIONS rtsp://r.example/ RTSP/1.0\r\nHost: no\r\n\r\n"));
  bench.segment({.id = 3, .side = Side::server}, from_text("HTTP/1.1 200 OK\r\nHost: no\r\n\r\n"));
  CHECK(bench.sink.sightings.empty());
  CHECK(bench.had_enough({.id = 3, .side = Side::server}));
}

TEST_CASE("Sight: a line that never ends is over the limit", "[agent][sight]") {
  SightBench bench;
  const Octets start = from_text("GET /");
  bench.segment({}, joined({start, Octets(16 * 1024, 'x')}));
  CHECK(bench.had_enough({}));
  CHECK(bench.count(Protocol::http, Outcome::over_limit) == 1);
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

TEST_CASE("Sight: DTLS hellos and the QUIC of before the standard are counted, not told",
          "[agent][sight]") {
  SightBench bench;
  Octets dtls(120, 0);
  const Octets head{0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 107, 1};
  std::copy(head.begin(), head.end(), dtls.begin());
  bench.datagram({.id = 1, .server_port = 4433}, dtls);
  CHECK(bench.count(Protocol::dtls, Outcome::ignored) == 1);
  dtls[13] = 2;  // the server's hello
  bench.datagram({.id = 1, .server_port = 4433}, dtls);
  CHECK(bench.count(Protocol::dtls, Outcome::ignored) == 1);

  const Octets old_form =
      joined({Octets{0x0d, 1, 2, 3, 4, 5, 6, 7, 8}, from_text("Q043"), Octets(100, 0xa0)});
  const Octets long_form = joined({Octets{0xc3}, from_text("Q050"), Octets(100, 0)});
  bench.datagram({.id = 2}, old_form);
  bench.datagram({.id = 3}, long_form);
  CHECK(bench.count(Protocol::gquic, Outcome::ignored) == 2);
  for (std::size_t size = 0; size < 13; ++size) {
    bench.datagram({.id = 4}, Bytes{old_form}.first(size));
  }
  CHECK(bench.count(Protocol::gquic, Outcome::ignored) == 2);
  CHECK(bench.sink.sightings.empty());
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

TEST_CASE("Sight: a QUIC hello in one Initial is told once, retransmissions are not",
          "[agent][sight]") {
  SightBench bench;
  const Octets datagram = initial_with(crypto_frame(0, client_hello(named("q.example"))));
  bench.datagram({}, datagram);
  bench.datagram({}, datagram);
  REQUIRE(bench.sink.hosts() == "quic:q.example");
  CHECK(bench.sink.sightings.front().hello->ja4.front() == 'q');
  CHECK(bench.count(Protocol::quic, Outcome::continued) == 1);
}

TEST_CASE("Sight: a QUIC hello shuffled over Initials comes together in any order",
          "[agent][sight]") {
  HelloSpec spec = named("shuffled.example");
  spec.padding = 1500;
  const Octets hello = client_hello(spec);
  std::mt19937 random{11};  // NOLINT(cert-msc51-cpp): the same every time
  for (int round = 0; round < 30; ++round) {
    std::vector<Octets> frames;
    for (std::size_t at = 0; at < hello.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 300, hello.size() - at);
      // Retransmissions are cut anew: every piece reaches a little into the next.
      const std::size_t more = std::min<std::size_t>(size + random() % 20, hello.size() - at);
      frames.push_back(crypto_frame(at, Bytes{hello}.subspan(at, more)));
      at += size;
    }
    std::shuffle(frames.begin(), frames.end(), random);
    SightBench bench;
    InitialSpec packet;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      packet.number = static_cast<std::uint32_t>(i);
      if (i > 2) {
        // The server has answered: later Initials carry the name it chose, the keys stay.
        packet.key_id = InitialSpec{}.destination_id;
        packet.destination_id = {9, 9, 9, 9};
      }
      bench.datagram({}, initial_with(joined({from_hex("0100"), frames[i]}), packet));
    }
    REQUIRE(bench.sink.hosts() == "quic:shuffled.example");
    REQUIRE(bench.outcomes() == bench.handed_over);
  }
}

TEST_CASE("Sight: after a Retry the new id makes the keys and the hello starts over",
          "[agent][sight]") {
  const Octets hello = client_hello(named("retried.example"));
  SightBench bench;
  bench.datagram({}, initial_with(crypto_frame(0, Bytes{hello}.first(50))));
  bench.datagram({.side = Side::server}, from_hex("f0 00000001 00 04 aabbccdd 0102030405060708"));
  InitialSpec again;
  again.destination_id = {0xaa, 0xbb, 0xcc, 0xdd};
  again.token = Octets(60, 0x44);
  again.number = 1;
  bench.datagram({}, initial_with(crypto_frame(0, hello), again));
  CHECK(bench.sink.hosts() == "quic:retried.example");
}

TEST_CASE("Sight: after a version negotiation the other version's hello is told",
          "[agent][sight]") {
  const Octets hello = client_hello(named("negotiated.example"));
  SightBench bench;
  bench.datagram({}, initial_with(crypto_frame(0, Bytes{hello}.first(50))));
  bench.datagram({.side = Side::server}, from_hex("c0 00000000 00 00 6b3343cf"));
  InitialSpec second;
  second.version = quic::kVersion2;
  bench.datagram({}, initial_with(crypto_frame(0, hello), second));
  CHECK(bench.sink.hosts() == "quic:negotiated.example");
}

TEST_CASE("Sight: coalesced Initials in one datagram count together", "[agent][sight]") {
  const Octets hello = client_hello(named("coalesced.example"));
  InitialSpec second;
  second.number = 1;
  SightBench bench;
  bench.datagram({}, joined({initial_with(crypto_frame(100, Bytes{hello}.subspan(100))),
                             initial_with(crypto_frame(0, Bytes{hello}.first(100)), second)}));
  CHECK(bench.sink.hosts() == "quic:coalesced.example");
}

TEST_CASE("Sight: without the first Initial nothing is told", "[agent][sight]") {
  const Octets hello = client_hello(named("lost.example"));
  SightBench bench;
  InitialSpec packet;
  packet.key_id = packet.destination_id;
  packet.destination_id = {1, 2, 3, 4};
  bench.datagram({}, initial_with(crypto_frame(0, hello), packet));
  CHECK(bench.sink.sightings.empty());
  CHECK(bench.count(Protocol::quic, Outcome::malformed) == 1);
  CHECK(bench.counters.value("sight_quic_unopened_total") == 1);
}

TEST_CASE("Sight: a new connection on the same ports is told anew", "[agent][sight]") {
  SightBench bench;
  bench.datagram({}, initial_with(crypto_frame(0, client_hello(named("one.example")))));
  InitialSpec other;
  other.destination_id = {5, 5, 5, 5, 5, 5, 5, 5};
  bench.datagram({}, initial_with(crypto_frame(0, client_hello(named("two.example"))), other));
  CHECK(bench.sink.hosts() == "quic:one.example quic:two.example");
}

TEST_CASE("Sight: a flood of half hellos over QUIC leaves the table at its limit",
          "[agent][sight]") {
  SightOptions options;
  options.quic.pending = 8;
  SightBench bench{options};
  const Octets half = initial_with(crypto_frame(0, Bytes{client_hello(HelloSpec{})}.first(20)));
  for (FlowId flow = 1; flow <= 100; ++flow) {
    bench.datagram({.id = flow}, half);
  }
  CHECK(bench.counters.value("sight_evicted_total{table=\"quic_pending\"}") == 92);
  CHECK(bench.outcomes() == 100);
}

TEST_CASE("Sight: pieces beyond what is held end the hello", "[agent][sight]") {
  SightBench bench;
  bench.datagram({}, initial_with(crypto_frame(CryptoStream::kMaxBytes, Octets{1})));
  CHECK(bench.count(Protocol::quic, Outcome::over_limit) == 1);
}

TEST_CASE("Sight: short headers and other UDP cost nothing and name nothing", "[agent][sight]") {
  SightBench bench;
  bench.datagram({}, from_hex("4001020304"));
  bench.datagram({}, from_hex("80ff"));
  bench.datagram({}, Octets{});
  CHECK(bench.sink.sightings.empty());
  CHECK(bench.outcomes() == 3);
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
