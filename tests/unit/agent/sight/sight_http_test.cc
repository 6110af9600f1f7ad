#include <string>

#include "agent/sight/sight.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"
#include "tests/unit/agent/sight/support.h"

namespace gnomon {
namespace {

using testing::client_hello_record;
using testing::from_text;
using testing::joined;
using testing::named;
using testing::Octets;
using testing::SightBench;

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

}  // namespace
}  // namespace gnomon
