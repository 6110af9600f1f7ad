#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "cli/analysis.h"
#include "core/check.h"
#include "tests/support/catch.h"

namespace gnomon::cli {
namespace {

Endpoint endpoint(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address.bytes = {192, 0, 2, last};
  endpoint.port = port;
  return endpoint;
}

Sighting sighting(Source source, std::string host) {
  Sighting made;
  made.when = WallTime{std::chrono::nanoseconds{1'795'321'140'123'456'789}};
  made.source = source;
  made.host = std::move(host);
  made.client = endpoint(7, 50412);
  made.server = endpoint(3, 443);
  return made;
}

Sighting dns_answer() {
  Sighting made = sighting(Source::dns, "trello.com");
  DnsDetail detail;
  detail.qtype = 1;
  detail.answer = true;
  detail.answers = {{"trello.com", 5, "x.cdn.example", 300, DnsSection::answer},
                    {"x.cdn.example", 1, "192.0.2.1", 60, DnsSection::answer},
                    {"cdn.example", 2, "ns.example", 9, DnsSection::authority}};
  made.dns = detail;
  return made;
}

Sighting hello() {
  Sighting made = sighting(Source::tls, "trello.com");
  made.hello = HelloDetail{{"h2", "http/1.1"}, Ech::grease, "t13d1516h2_8daaf6152771_b186095e22b6"};
  return made;
}

// written runs sightings through a format and reads back what came out.
std::string written(Format format, std::vector<Sighting> sightings) {
  std::array<int, 2> pipe_ends{};
  GNOMON_CHECK(::pipe(pipe_ends.data()) == 0);
  {
    Output output{pipe_ends[1]};
    const auto analysis = make_sightings_analysis(format, output);
    for (Sighting& one : sightings) {
      analysis->on_sighting(std::move(one));
    }
    analysis->finish();
    CHECK(output.ok());
  }
  ::close(pipe_ends[1]);
  std::string text;
  std::array<char, 4096> piece{};
  for (ssize_t size = 0; (size = ::read(pipe_ends[0], piece.data(), piece.size())) > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(size));
  }
  ::close(pipe_ends[0]);
  return text;
}

TEST_CASE("Sightings as JSON: a hello has protocols, ECH and fingerprint", "[cli]") {
  CHECK(written(Format::json, {hello()}) ==
        R"({"t":"2026-11-22T04:19:00.123456Z","source":"tls","host":"trello.com",)"
        R"("client":"192.0.2.7:50412","server":"192.0.2.3:443","alpn":["h2","http/1.1"],)"
        R"("ech":"grease","ja4":"t13d1516h2_8daaf6152771_b186095e22b6"})"
        "\n");
}

TEST_CASE("Sightings as JSON: an answer has its records, a query its type alone", "[cli]") {
  Sighting query = sighting(Source::dns, "trello.com");
  query.dns = DnsDetail{};
  query.dns->qtype = 65;
  CHECK(written(Format::json, {query, dns_answer()}) ==
        R"({"t":"2026-11-22T04:19:00.123456Z","source":"dns","host":"trello.com",)"
        R"("client":"192.0.2.7:50412","server":"192.0.2.3:443","qtype":"HTTPS"})"
        "\n"
        R"({"t":"2026-11-22T04:19:00.123456Z","source":"dns","host":"trello.com",)"
        R"("client":"192.0.2.7:50412","server":"192.0.2.3:443","qtype":"A","answer":true,)"
        R"("rcode":0,"answers":[)"
        R"({"name":"trello.com","type":"CNAME","data":"x.cdn.example","ttl":300},)"
        R"({"name":"x.cdn.example","type":"A","data":"192.0.2.1","ttl":60},)"
        R"({"name":"cdn.example","type":"NS","data":"ns.example","ttl":9,"section":"authority"}]})"
        "\n");
}

TEST_CASE("Sightings as JSON: recovered and tunnelled are marked", "[cli]") {
  Sighting recovered = sighting(Source::http, "a.example");
  recovered.recovered = true;
  recovered.tunnelled = true;
  CHECK(written(Format::json, {recovered}).find(R"("recovered":true,"tunnelled":true})") !=
        std::string::npos);
}

TEST_CASE("Sightings as CSV: every line has as many cells as the first", "[cli]") {
  const std::string text =
      written(Format::csv, {hello(), dns_answer(), sighting(Source::http, "a.example")});
  std::size_t begin = 0;
  std::size_t lines = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find("\r\n", begin);
    REQUIRE(end != std::string::npos);
    const std::string line = text.substr(begin, end - begin);
    CHECK(std::count(line.begin(), line.end(), ',') == 12);
    begin = end + 2;
    ++lines;
  }
  CHECK(lines == 4);
}

TEST_CASE("Sightings as a table: people see host and meaning", "[cli]") {
  const std::string text = written(Format::table, {dns_answer(), sighting(Source::tls, "")});
  CHECK(text.find("A = CNAME x.cdn.example; A 192.0.2.1\n") != std::string::npos);
  CHECK(text.find("(no name)") != std::string::npos);
  CHECK(text.find("ns.example") == std::string::npos);
}

TEST_CASE("Output: a closed pipe is noticed and ends the writing", "[cli]") {
  Output output{-1};
  output.text().append("x");
  output.flush();
  CHECK_FALSE(output.ok());
  output.text().append("more");
  output.flush();
  CHECK(output.text().empty());
}

}  // namespace
}  // namespace gnomon::cli
