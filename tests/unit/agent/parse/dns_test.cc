#include <string>

#include "agent/parse/dns/message.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"

namespace gnomon::dns {
namespace {

using gnomon::testing::dns_name;
using gnomon::testing::DnsBuilder;
using gnomon::testing::from_hex;
using gnomon::testing::https_data;
using gnomon::testing::joined;
using gnomon::testing::Octets;

std::string first_question(Bytes message) {
  const auto view = parse_message(message);
  if (!view) {
    return std::string{"!"} + std::string{to_string(view.error())};
  }
  QuestionReader reader{*view};
  QuestionView question;
  return reader.next(question) ? std::string{question.name.view()} : "none";
}

std::string first_answer_data(Bytes message) {
  const auto view = parse_message(message);
  REQUIRE(view);
  RecordReader reader{*view};
  RecordView record;
  REQUIRE(reader.next(record));
  std::string text;
  append_data(message, record, text);
  return text;
}

// A real answer (captures/own/dns-cname.pcap is like it): question www.example.com, a CNAME to
// edge.cdn.example with compression, and its address.
const Octets kRealAnswer = from_hex(
    "beef 8180 0001 0002 0000 0000"
    "03777777 076578616d706c65 03636f6d 00 0001 0001"
    "c00c 0005 0001 0000012c 000b 0465646765 0363646e c010"
    "c02d 0001 0001 0000003c 0004 c6336407");

TEST_CASE("Dns: a query gives its question", "[agent][dns]") {
  const Octets message = DnsBuilder{}.question("Trello.COM", type::kHttps).build();
  const auto view = parse_message(message);
  REQUIRE(view);
  CHECK_FALSE(view->response);
  QuestionReader reader{*view};
  QuestionView question;
  REQUIRE(reader.next(question));
  CHECK(question.name.view() == "trello.com");
  CHECK(question.type == type::kHttps);
  CHECK_FALSE(reader.next(question));
}

TEST_CASE("Dns: an answer gives its records, compressed names resolved", "[agent][dns]") {
  const auto view = parse_message(kRealAnswer);
  REQUIRE(view);
  CHECK(view->response);
  CHECK(view->id == 0xbeef);
  RecordReader reader{*view};
  RecordView record;
  std::string data;
  REQUIRE(reader.next(record));
  CHECK(record.name.view() == "www.example.com");
  CHECK(record.type == type::kCname);
  CHECK(record.ttl == 300);
  append_data(kRealAnswer, record, data);
  CHECK(data == "edge.cdn.example.com");
  REQUIRE(reader.next(record));
  CHECK(record.name.view() == "edge.cdn.example.com");
  data.clear();
  append_data(kRealAnswer, record, data);
  CHECK(data == "198.51.100.7");
  CHECK_FALSE(reader.next(record));
  CHECK_FALSE(reader.broken());
}

TEST_CASE("Dns: every proper prefix of the questions is reported as truncated", "[agent][dns]") {
  const Octets message = DnsBuilder{}.question("a.example").question("b.example").build();
  for (std::size_t size = 0; size < message.size(); ++size) {
    CAPTURE(size);
    const auto view = parse_message(Bytes{message}.first(size));
    REQUIRE_FALSE(view);
    CHECK(view.error() == ParseError::truncated);
  }
}

TEST_CASE("Dns: every proper prefix of the records ends the walk as broken", "[agent][dns]") {
  for (std::size_t size = 33; size < kRealAnswer.size(); ++size) {
    CAPTURE(size);
    const auto view = parse_message(Bytes{kRealAnswer}.first(size));
    REQUIRE(view);
    RecordReader reader{*view};
    RecordView record;
    std::size_t whole = 0;
    while (reader.next(record)) {
      whole += record.data.empty() ? 0U : 1U;
    }
    CHECK(whole < 2);
    CHECK(reader.broken());
  }
}

TEST_CASE("Dns: any single byte changed never reads outside", "[agent][dns]") {
  for (std::size_t i = 0; i < kRealAnswer.size(); ++i) {
    for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      Octets message = kRealAnswer;
      message[i] = value;
      const auto view = parse_message(message);
      if (!view) {
        continue;
      }
      RecordReader reader{*view};
      RecordView record;
      std::string text;
      std::size_t records = 0;
      while (reader.next(record)) {
        append_data(message, record, text);
        ++records;
      }
      // Every record takes bytes of its own, so the walk is bounded by the message.
      CHECK(records <= message.size());
    }
  }
}

TEST_CASE("Dns: a compression pointer may not go forward, to itself or in a circle",
          "[agent][dns]") {
  const std::string header = "0001 0100 0001 0000 0000 0000";
  CHECK(first_question(from_hex(header + "c00e 0001 0001 0000")) == "!malformed");
  CHECK(first_question(from_hex(header + "c00c 0001 0001")) == "!malformed");
  // "a" and a pointer back to it.
  CHECK(first_question(from_hex(header + "0161c00c 0001 0001")) == "!malformed");
  // Two pointers that name each other.
  CHECK(first_question(from_hex("0001 0100 0002 0000 0000 0000 c00f 0001 01 c00c 0001 0001")) ==
        "!malformed");
}

TEST_CASE("Dns: a pointer into the header is followed backwards only", "[agent][dns]") {
  // Id 0x0161: at offset 0 stands the label "a"; then 00 ends the name.
  CHECK(first_question(from_hex("0161 0000 0001 0000 0000 0000 c000 0001 0001")) == "a");
}

TEST_CASE("Dns: names up to 255 bytes pass and longer ones are malformed", "[agent][dns]") {
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'y');
  CHECK(dns_name(longest).size() == 255);
  CHECK(first_question(DnsBuilder{}.question(longest).build()) == longest);
  const std::string too_long = label + "." + label + "." + label + "." + std::string(62, 'y');
  CHECK(first_question(DnsBuilder{}.question(too_long).build()) == "!malformed");
}

TEST_CASE("Dns: bytes that no host name has stand escaped", "[agent][dns]") {
  const Octets message = from_hex(
      "0001 0100 0001 0000 0000 0000"
      "07 612e625c6320ff 03 636f6d 00 0001 0001");
  CHECK(first_question(message) == "a\\046b\\092c\\032\\255.com");
}

TEST_CASE("Dns: a reserved label type is malformed", "[agent][dns]") {
  CHECK(first_question(from_hex("0001 0100 0001 0000 0000 0000 41 61 00 0001 0001")) ==
        "!malformed");
}

TEST_CASE("Dns: counts and opcodes that no sender writes are not DNS", "[agent][dns]") {
  CHECK(first_question(from_hex("0001 0100 0009 0000 0000 0000 00")) == "!not_protocol");
  CHECK(first_question(from_hex("0001 0100 0001 ffff 0000 0000 00 00010001")) == "!not_protocol");
  CHECK(first_question(from_hex("0001 7800 0001 0000 0000 0000 00 00010001")) == "!not_protocol");
  CHECK(first_question(from_hex("0001 0100 0000 0000 0000 0000")) == "!not_protocol");
  // The start of a TLS hello, of an HTTP request.
  CHECK(first_question(from_hex("1603010200010001fc0303aabb")) == "!not_protocol");
  CHECK(first_question(gnomon::testing::from_text("GET / HTTP/1.1\r\n")) == "!not_protocol");
}

TEST_CASE("Dns: a record length too large leaves the name alone, too small shifts nothing outside",
          "[agent][dns]") {
  Octets message = kRealAnswer;
  message[44] = 0xff;  // RDLENGTH of the CNAME
  const auto view = parse_message(message);
  REQUIRE(view);
  RecordReader reader{*view};
  RecordView record;
  REQUIRE(reader.next(record));
  CHECK(record.name.view() == "www.example.com");
  CHECK(record.data.empty());
  CHECK_FALSE(reader.next(record));
  CHECK(reader.broken());

  message = kRealAnswer;
  message[44] = 0x03;  // the name runs out of its data
  const auto shorter = parse_message(message);
  REQUIRE(shorter);
  RecordReader again{*shorter};
  REQUIRE(again.next(record));
  std::string text;
  append_data(message, record, text);
  CHECK(text.empty());
}

TEST_CASE("Dns: data of each kind has its text", "[agent][dns]") {
  const auto data_of = [](std::uint16_t type, Bytes data) {
    return first_answer_data(
        DnsBuilder{true}.question("q.example").answer("q.example", type, data).build());
  };
  CHECK(data_of(type::kA, from_hex("c0000201")) == "192.0.2.1");
  CHECK(data_of(type::kA, from_hex("c00002")).empty());
  CHECK(data_of(type::kAaaa, from_hex("20010db8000000000000000000000001")) == "2001:db8::1");
  CHECK(data_of(type::kPtr, dns_name("host.example")) == "host.example");
  CHECK(data_of(type::kNs, dns_name("ns1.example")) == "ns1.example");
  CHECK(data_of(type::kDname, dns_name("new.example")) == "new.example");
  CHECK(data_of(type::kMx, joined({from_hex("000a"), dns_name("mail.example")})) ==
        "10 mail.example");
  CHECK(data_of(type::kSrv, joined({from_hex("0000000501bb"), dns_name("s.example")})) ==
        "0 5 443 s.example");
  CHECK(data_of(type::kSoa, joined({dns_name("ns.example"), dns_name("admin.example"),
                                    Octets(20, 1)})) == "ns.example");
  CHECK(data_of(type::kTxt, from_hex("0568656c6c6f")).empty());
  CHECK(data_of(type::kHttps, https_data("public.example", "h3")) == "1 . alpn=h3 ech");
  CHECK(data_of(type::kHttps, from_hex("0000 0573766363620765 78616d706c6500")) ==
        "0 svccb.example");
  CHECK(data_of(type::kSvcb, from_hex("0001 00 0003 0002 20fb 0004 0008 c0000201c0000202"
                                      "0006 0010 20010db8000000000000000000000001")) ==
        "1 . port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1");
}

TEST_CASE("Dns: the public name of an ECH configuration is found behind unknown versions",
          "[agent][dns]") {
  const Octets message = DnsBuilder{true}
                             .question("hidden.example", type::kHttps)
                             .answer("hidden.example", type::kHttps, https_data("front.example"))
                             .build();
  const auto view = parse_message(message);
  REQUIRE(view);
  RecordReader reader{*view};
  RecordView record;
  REQUIRE(reader.next(record));
  const auto service = parse_service(message, record);
  REQUIRE(service);
  const Bytes name = ech_public_name(service->ech);
  CHECK(std::string(name.begin(), name.end()) == "front.example");

  Octets list = from_hex("ffff 0002 abcd");
  list.insert(list.end(), service->ech.begin() + 2, service->ech.end());
  const Octets whole = joined({Octets{0, static_cast<std::uint8_t>(list.size())}, list});
  const Bytes behind = ech_public_name(whole);
  CHECK(std::string(behind.begin(), behind.end()) == "front.example");
  CHECK(ech_public_name({}).empty());
}

TEST_CASE("Dns: TCP framing cuts pipelined messages and waits for the rest", "[agent][dns]") {
  const Octets one = DnsBuilder{}.question("one.example").build_framed();
  const Octets two = DnsBuilder{}.question("two.example").build_framed();
  const Octets stream = joined({one, two});
  const auto first = parse_framed(stream);
  REQUIRE(first);
  CHECK(first->consumed == one.size());
  CHECK(first_question(first->message) == "one.example");
  for (std::size_t size = 0; size < one.size(); ++size) {
    CAPTURE(size);
    const auto part = parse_framed(Bytes{one}.first(size));
    REQUIRE_FALSE(part);
    CHECK(part.error() == ParseError::truncated);
  }
  const auto nothing = parse_framed(from_hex("000b 00000000000000000000"));
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error() == ParseError::malformed);
}

}  // namespace
}  // namespace gnomon::dns
