#include <array>
#include <string>

#include "agent/parse/tls/client_hello.h"
#include "agent/parse/tls/ja4.h"
#include "agent/parse/tls/record.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"

namespace gnomon::tls {
namespace {

using gnomon::testing::client_hello;
using gnomon::testing::client_hello_record;
using gnomon::testing::from_hex;
using gnomon::testing::from_text;
using gnomon::testing::HelloSpec;
using gnomon::testing::joined;
using gnomon::testing::Octets;
using gnomon::testing::tls_record;

// The ClientHello of RFC 8448, section 3.
const Octets kRfc8448Hello = from_hex(
    "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302"
    "010000910000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301"
    "040023000000330026002400"
    "1d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d002000"
    "1e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001");

std::array<std::uint8_t, kMaxHelloBytes + 4> scratch;

std::string name_in(Bytes stream) {
  const auto handshake = first_handshake(stream, scratch);
  if (!handshake) {
    return "!" + std::string{to_string(handshake.error())};
  }
  const auto hello = parse_client_hello(handshake->message);
  return hello ? std::string{hello->server_name} : "!!" + std::string{to_string(hello.error())};
}

TEST_CASE("ClientHello: a minimal one gives name, protocols and versions", "[agent][tls]") {
  const Octets message = client_hello(HelloSpec{});
  const auto hello = parse_client_hello(message);
  REQUIRE(hello);
  CHECK(hello->server_name == "files.example.com");
  CHECK(hello->legacy_version == 0x0303);
  CHECK(hello->cipher_suites.size() == 6);
  CHECK(hello->supported_versions.size() == 4);
  CHECK_FALSE(hello->ech.present);
  ProtocolReader protocols{hello->alpn};
  Bytes protocol;
  REQUIRE(protocols.next(protocol));
  CHECK(std::string(protocol.begin(), protocol.end()) == "h2");
  REQUIRE(protocols.next(protocol));
  CHECK(std::string(protocol.begin(), protocol.end()) == "http/1.1");
  CHECK_FALSE(protocols.next(protocol));
}

TEST_CASE("ClientHello: the one of RFC 8448 names server", "[agent][tls]") {
  const auto hello = parse_client_hello(kRfc8448Hello);
  REQUIRE(hello);
  CHECK(hello->server_name == "server");
  CHECK(hello->signature_algorithms.size() == 30);
}

TEST_CASE("ClientHello: every proper prefix is reported as truncated", "[agent][tls]") {
  const Octets message = client_hello(HelloSpec{});
  for (std::size_t size = 0; size < message.size(); ++size) {
    CAPTURE(size);
    const auto hello = parse_client_hello(Bytes{message}.first(size));
    REQUIRE_FALSE(hello);
    CHECK(hello.error() == ParseError::truncated);
  }
  const Octets record = client_hello_record(HelloSpec{});
  for (std::size_t size = 0; size < record.size(); ++size) {
    CAPTURE(size);
    CHECK(name_in(Bytes{record}.first(size)) == "!truncated");
  }
}

TEST_CASE("ClientHello: any single byte changed never reads outside", "[agent][tls]") {
  HelloSpec spec;
  spec.ech = true;
  const Octets good = client_hello_record(spec);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      Octets record = good;
      record[i] = value;
      const auto handshake = first_handshake(record, scratch);
      if (!handshake) {
        continue;
      }
      if (const auto hello = parse_client_hello(handshake->message)) {
        // Ten characters, then two hashes of twelve, whatever the hello holds.
        const auto print = ja4(*hello, false);
        CHECK(print.view().find('_') == 10);
        CHECK(print.view().find('_', 11) == 23);
      }
    }
  }
}

TEST_CASE("ClientHello: a length too small or too large inside is malformed", "[agent][tls]") {
  const Octets good = client_hello(HelloSpec{});
  // The places of session id length, suites length, compression length, extensions length.
  for (const std::size_t place : {std::size_t{38}, std::size_t{72}, std::size_t{79}}) {
    CAPTURE(place);
    Octets message = good;
    message[place] = 0xff;
    const auto hello = parse_client_hello(message);
    REQUIRE_FALSE(hello);
    CHECK(hello.error() == ParseError::malformed);
  }
  Octets message = good;
  message[3] = static_cast<std::uint8_t>(message[3] - 1);  // the message one byte shorter
  const auto shorter = parse_client_hello(message);
  REQUIRE_FALSE(shorter);
  CHECK(shorter.error() == ParseError::malformed);
}

TEST_CASE("ClientHello: a broken extension is skipped, the others count", "[agent][tls]") {
  Octets message = client_hello(HelloSpec{});
  // The list length inside server_name claims more than the extension holds.
  const Octets sign = from_hex("0000 0016 0014");
  const auto at = std::search(message.begin(), message.end(), sign.begin(), sign.end());
  REQUIRE(at != message.end());
  *(at + 5) = 0x15;
  const auto hello = parse_client_hello(message);
  REQUIRE(hello);
  CHECK(hello->server_name.empty());
  CHECK_FALSE(hello->alpn.empty());
}

TEST_CASE("ClientHello: one without extensions or without a name is good", "[agent][tls]") {
  HelloSpec spec;
  spec.extensions = false;
  const Octets old = client_hello(spec);
  const auto hello = parse_client_hello(old);
  REQUIRE(hello);
  CHECK(hello->server_name.empty());
  CHECK(hello->extensions.empty());
  spec.extensions = true;
  spec.name.clear();
  CHECK(name_in(client_hello_record(spec)).empty());
}

TEST_CASE("ClientHello: one at the limit passes and one above is over the limit", "[agent][tls]") {
  HelloSpec spec;
  spec.padding = 1000;
  const std::size_t without = client_hello(spec).size() - 1000;
  spec.padding = kMaxHelloBytes + 4 - without;
  const Octets largest = client_hello(spec);
  REQUIRE(largest.size() == kMaxHelloBytes + 4);
  CHECK(parse_client_hello(largest));
  spec.padding += 1;
  const Octets larger = client_hello(spec);
  const auto hello = parse_client_hello(larger);
  REQUIRE_FALSE(hello);
  CHECK(hello.error() == ParseError::over_limit);
}

TEST_CASE("ClientHello: the ECH extension is told with its type", "[agent][tls]") {
  HelloSpec spec;
  spec.ech = true;
  const Octets message = client_hello(spec);
  const auto hello = parse_client_hello(message);
  REQUIRE(hello);
  CHECK(hello->ech.present);
  CHECK(hello->ech.outer);
  CHECK(hello->ech.sound);
  CHECK(hello->ech.config_id == 7);
  CHECK(hello->ech.enc_bytes == 32);
  CHECK(hello->ech.payload_bytes == 144);
}

TEST_CASE("Records: a hello over any two records is put together", "[agent][tls]") {
  const Octets message = client_hello(HelloSpec{});
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    CAPTURE(cut);
    const Octets stream =
        joined({tls_record(Bytes{message}.first(cut)), tls_record(Bytes{message}.subspan(cut))});
    CHECK(name_in(stream) == "files.example.com");
  }
}

TEST_CASE("Records: a hello of one byte a record is put together", "[agent][tls]") {
  const Octets message = client_hello(HelloSpec{});
  Octets stream;
  for (const std::uint8_t byte : message) {
    const Octets record = tls_record(Octets{byte});
    stream.insert(stream.end(), record.begin(), record.end());
  }
  CHECK(name_in(stream) == "files.example.com");
  CHECK(name_in(Bytes{stream}.first(stream.size() - 1)) == "!truncated");
}

TEST_CASE("Records: the message is borrowed from a single record, what follows is left",
          "[agent][tls]") {
  const Octets record = client_hello_record(HelloSpec{});
  const Octets stream = joined({record, tls_record(Octets{1}, 20)});
  const auto handshake = first_handshake(stream, scratch);
  REQUIRE(handshake);
  CHECK(handshake->message.data() == stream.data() + 5);
  CHECK(handshake->consumed == record.size());
}

TEST_CASE("Records: another kind between two halves of a hello is malformed", "[agent][tls]") {
  const Octets message = client_hello(HelloSpec{});
  const Octets stream = joined({tls_record(Bytes{message}.first(20)), tls_record(Octets{1, 0}, 21),
                                tls_record(Bytes{message}.subspan(20))});
  CHECK(name_in(stream) == "!malformed");
}

TEST_CASE("Records: a message larger than the scratch space is over the limit", "[agent][tls]") {
  std::array<std::uint8_t, 64> small{};
  const Octets message = client_hello(HelloSpec{});
  const Octets stream =
      joined({tls_record(Bytes{message}.first(65)), tls_record(Bytes{message}.subspan(65))});
  const auto handshake = first_handshake(stream, small);
  REQUIRE_FALSE(handshake);
  CHECK(handshake.error() == ParseError::over_limit);
}

TEST_CASE("Records: what cannot begin a hello is told at once", "[agent][tls]") {
  CHECK(name_in(from_text("GET / HTTP/1.1\r\n")) == "!not_protocol");
  CHECK(name_in(from_text("SSH-2.0-x\r\n")) == "!not_protocol");
  CHECK(name_in(from_hex("17 0303 0010 00")) == "!not_protocol");  // application data
  CHECK(name_in(from_hex("16 0303 0040 02")) == "!not_protocol");  // ServerHello
  CHECK(name_in(from_hex("16 0303 ffff 01")) == "!not_protocol");  // a record too large
  CHECK(name_in(from_hex("16 0303 0000 01")) == "!not_protocol");  // an empty one
  CHECK(name_in(from_hex("16 fefd 0000 0000 0000 0000 01")) == "!not_protocol");  // DTLS
  CHECK(name_in(from_hex("80 2e 01 0301")) == "!not_protocol");                   // SSL 2.0 framing
  CHECK(looks_like_hello({}));
  CHECK(looks_like_hello(from_hex("1603")));
  CHECK(looks_like_record(from_hex("17 0303 00")));
  CHECK_FALSE(looks_like_record(from_hex("18 0303 00")));
}

TEST_CASE("Ja4: the examples of its specification come out", "[agent][tls]") {
  // FoxIO technical_details/JA4.md: these lists hash to these values.
  HelloSpec spec;
  spec.suites = {0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  const Octets message = client_hello(spec);
  auto hello = parse_client_hello(message);
  REQUIRE(hello);
  ByteWriter extensions;
  for (const int type : {0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d,
                         0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015}) {
    extensions.u16(static_cast<std::uint16_t>(type));
    extensions.u16(0);
  }
  const Octets algorithms = from_hex("0403 0804 0401 0503 0805 0501 0806 0601");
  const Octets versions = from_hex("2a2a 0304 0303");
  hello->extensions = extensions.view();
  hello->signature_algorithms = algorithms;
  hello->supported_versions = versions;
  CHECK(ja4(*hello, false).view() == "t13d1516h2_8daaf6152771_e5627efa2ab1");
  CHECK(ja4(*hello, true).view() == "q13d1516h2_8daaf6152771_e5627efa2ab1");
}

TEST_CASE("Ja4: the order of suites and extensions does not count", "[agent][tls]") {
  HelloSpec one;
  HelloSpec two;
  two.suites = {0xc02b, 0x1302, 0x1301};
  const Octets first = client_hello(one);
  const Octets second = client_hello(two);
  CHECK(ja4(*parse_client_hello(first), false).view() ==
        ja4(*parse_client_hello(second), false).view());
}

TEST_CASE("Ja4: odd hellos have their marks", "[agent][tls]") {
  HelloSpec spec;
  spec.name.clear();
  spec.alpn = {};
  spec.versions = {};
  spec.suites = {};
  const Octets bare = client_hello(spec);
  CHECK(ja4(*parse_client_hello(bare), false).view().substr(0, 23) == "t12i000100_000000000000");
  spec.alpn = {std::string("\xab\x10\xcd", 3)};
  const Octets odd = client_hello(spec);
  CHECK(ja4(*parse_client_hello(odd), false).view().substr(8, 2) == "ad");
  spec.extensions = false;
  const Octets none = client_hello(spec);
  CHECK(ja4(*parse_client_hello(none), false).view() == "t12i000000_000000000000_000000000000");
}

}  // namespace
}  // namespace gnomon::tls
