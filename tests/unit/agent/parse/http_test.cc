#include <string>

#include "agent/parse/http/request.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"

namespace gnomon::http {
namespace {

using gnomon::testing::from_text;
using gnomon::testing::Octets;

std::string host_of_target(std::string_view line) {
  const auto request = parse_request_line(line);
  return request ? std::string{target_host(*request)}
                 : "!" + std::string{to_string(request.error())};
}

bool begins(std::string_view text) {
  return looks_like_request(from_text(text));
}

TEST_CASE("Http: a request line gives method and target", "[agent][http]") {
  const auto request = parse_request_line("GET /index.html HTTP/1.1");
  REQUIRE(request);
  CHECK(request->method == "GET");
  CHECK(request->target == "/index.html");
  CHECK_FALSE(request->connect);
  CHECK(parse_request_line("PROPFIND /dav HTTP/1.0"));
  CHECK(parse_request_line("GET /with space HTTP/1.1")->target == "/with space");
}

TEST_CASE("Http: the host of a target is told for proxies and tunnels", "[agent][http]") {
  CHECK(host_of_target("GET http://www.example.com/x HTTP/1.1") == "www.example.com");
  CHECK(host_of_target("GET http://user:pw@www.example.com:8080?q HTTP/1.1") == "www.example.com");
  CHECK(host_of_target("GET ftp://files.example#f HTTP/1.1") == "files.example");
  CHECK(host_of_target("CONNECT app.example.com:443 HTTP/1.1") == "app.example.com");
  CHECK(host_of_target("CONNECT [2001:db8::1]:443 HTTP/1.1") == "2001:db8::1");
  CHECK(host_of_target("GET / HTTP/1.1").empty());
  CHECK(host_of_target("GET /go?to=http://other.example/ HTTP/1.1").empty());
  CHECK(host_of_target("OPTIONS * HTTP/1.1").empty());
}

TEST_CASE("Http: look-alikes are not HTTP", "[agent][http]") {
  CHECK(host_of_target("INVITE sip:bob@example.com SIP/2.0") == "!not_protocol");
  CHECK(host_of_target("OPTIONS sip:bob@example.com SIP/2.0") == "!not_protocol");
  CHECK(host_of_target("OPTIONS rtsp://example.com/media RTSP/1.0") == "!not_protocol");
  CHECK(host_of_target("OPTIONS icap://example.com/avscan ICAP/1.0") == "!not_protocol");
  CHECK(host_of_target("PRI * HTTP/2.0") == "!not_protocol");
  CHECK(host_of_target("GET /") == "!not_protocol");
  CHECK(host_of_target("HTTP/1.1 200 OK") == "!not_protocol");
  CHECK(host_of_target("get / HTTP/1.1") == "!not_protocol");
  CHECK(host_of_target("GET HTTP/1.1") == "!not_protocol");
  CHECK_FALSE(begins("HTTP/1.1 200 OK"));
  CHECK_FALSE(begins("REGISTER sip:x"));
  CHECK_FALSE(begins("SSH-2.0"));
  CHECK_FALSE(begins("EHLO mail"));
  CHECK_FALSE(begins("GETX /"));
}

TEST_CASE("Http: every beginning of a method may still become a request", "[agent][http]") {
  const std::string_view line = "BASELINE-CONTROL / HTTP/1.1";
  for (std::size_t size = 0; size <= line.size(); ++size) {
    CAPTURE(size);
    CHECK(begins(line.substr(0, size)));
  }
}

TEST_CASE("Http: every proper prefix of a line is reported as truncated", "[agent][http]") {
  const Octets line = from_text("Host: www.example.com\r\n");
  for (std::size_t size = 0; size < line.size(); ++size) {
    CAPTURE(size);
    const auto part = next_line(Bytes{line}.first(size));
    REQUIRE_FALSE(part);
    CHECK(part.error() == ParseError::truncated);
  }
  const auto whole = next_line(line);
  REQUIRE(whole);
  CHECK(whole->text == "Host: www.example.com");
  CHECK(whole->consumed == line.size());
  CHECK(next_line(from_text("a\nb"))->consumed == 2);
}

TEST_CASE("Http: a line at the limit passes and a longer one is over it", "[agent][http]") {
  Octets line(kMaxLineBytes - 1, 'x');
  line.push_back('\n');
  CHECK(next_line(line));
  line.insert(line.begin(), 'x');
  const auto longer = next_line(line);
  REQUIRE_FALSE(longer);
  CHECK(longer.error() == ParseError::over_limit);
}

TEST_CASE("Http: headers give name and trimmed value", "[agent][http]") {
  const auto header = parse_header("HOST:\t www.example.com \t");
  REQUIRE(header);
  CHECK(equals_ignoring_case(header->name, "host"));
  CHECK(header->value == "www.example.com");
  CHECK(parse_header("Host : x")->name == "Host");
  CHECK(parse_header("no colon").error() == ParseError::malformed);
  CHECK(parse_header(": empty name").error() == ParseError::malformed);
  CHECK(parse_header(" folded: line").error() == ParseError::malformed);
  CHECK(parse_header("b\x01d: x").error() == ParseError::malformed);
}

TEST_CASE("Http: an authority loses user, port and brackets", "[agent][http]") {
  CHECK(authority_host("www.example.com:8080") == "www.example.com");
  CHECK(authority_host("www.example.com") == "www.example.com");
  CHECK(authority_host("user@www.example.com:1") == "www.example.com");
  CHECK(authority_host("[2001:db8::1]:80") == "2001:db8::1");
  CHECK(authority_host("2001:db8::1") == "2001:db8::1");
  CHECK(authority_host("[2001:db8::1").empty());
  CHECK(authority_host("").empty());
}

TEST_CASE("Http: lengths are digits that fit", "[agent][http]") {
  CHECK(*parse_length("0") == 0);
  CHECK(*parse_length("18446744073709551615") == UINT64_MAX);
  for (const char* bad : {"18446744073709551616", "-1", "+1", "1 ", "", "1a"}) {
    CAPTURE(bad);
    CHECK(parse_length(bad).error() == ParseError::malformed);
  }
  CHECK(*parse_chunk_size("1A;name=value") == 26);
  CHECK(*parse_chunk_size("ffffffffffffffff") == UINT64_MAX);
  for (const char* bad : {"10000000000000000", "", ";x", "g"}) {
    CAPTURE(bad);
    CHECK(parse_chunk_size(bad).error() == ParseError::malformed);
  }
}

TEST_CASE("Http: any single byte changed never reads outside", "[agent][http]") {
  const Octets good = from_text("GET http://u@a.example:80/ HTTP/1.1\r\n");
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      Octets changed = good;
      changed[i] = value;
      static_cast<void>(looks_like_request(changed));
      if (const auto line = next_line(changed)) {
        CHECK(line->text.size() < changed.size());
        if (const auto request = parse_request_line(line->text)) {
          static_cast<void>(target_host(*request));
        }
        static_cast<void>(parse_header(line->text));
      }
    }
  }
}

}  // namespace
}  // namespace gnomon::http
