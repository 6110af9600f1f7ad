#include <string>
#include <vector>

#include "agent/parse/quic/frames.h"
#include "agent/parse/quic/initial.h"
#include "agent/parse/quic/packet.h"
#include "agent/parse/tls/client_hello.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"

namespace gnomon::quic {
namespace {

using gnomon::testing::crypto_frame;
using gnomon::testing::from_hex;
using gnomon::testing::from_text;
using gnomon::testing::InitialSpec;
using gnomon::testing::joined;
using gnomon::testing::Octets;
using gnomon::testing::seal_initial;

// RFC 9001, appendix A.2 (and RFC 9369, appendix A.2, which uses the same): the CRYPTO frame.
const Octets kRfcFrame = from_hex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
    "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
    "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff");

Octets rfc_packet(std::uint32_t version) {
  InitialSpec spec;
  spec.version = version;
  spec.number = 2;
  spec.padded_to = 1162;
  return seal_initial(spec, kRfcFrame);
}

PacketView packet_in(Bytes datagram) {
  ByteReader reader{datagram};
  const auto packet = parse_packet(reader);
  REQUIRE(packet);
  return *packet;
}

ParseError error_of(Bytes datagram) {
  ByteReader reader{datagram};
  const auto packet = parse_packet(reader);
  REQUIRE_FALSE(packet);
  return packet.error();
}

std::string name_in(InitialOpener& opener, Bytes datagram) {
  const PacketView packet = packet_in(datagram);
  const auto payload =
      opener.open(derive_client_keys(packet.version, packet.destination_id), packet);
  if (!payload) {
    return "!" + std::string{to_string(payload.error())};
  }
  CryptoReader frames{*payload};
  CryptoView piece;
  if (!frames.next(piece)) {
    return "no frame";
  }
  const auto hello = tls::parse_client_hello(piece.data);
  return hello ? std::string{hello->server_name} : "no hello";
}

TEST_CASE("Quic: the keys of RFC 9001 appendix A.1 and RFC 9369 appendix A.1 come out",
          "[agent][quic]") {
  const Octets id = from_hex("8394c8f03e515708");
  const auto as_octets = [](const auto& run) { return Octets(run.begin(), run.end()); };
  const InitialKeys client = derive_client_keys(kVersion1, id);
  CHECK(as_octets(client.key) == from_hex("1f369613dd76d5467730efcbe3b1a22d"));
  CHECK(as_octets(client.iv) == from_hex("fa044b2f42a3fd3b46fb255c"));
  CHECK(as_octets(client.hp) == from_hex("9f50449e04a0e810283a1e9933adedd2"));
  const InitialKeys server = derive_server_keys(kVersion1, id);
  CHECK(as_octets(server.key) == from_hex("cf3a5331653c364c88f0f379b6067e37"));
  CHECK(as_octets(server.iv) == from_hex("0ac1493ca1905853b0bba03e"));
  CHECK(as_octets(server.hp) == from_hex("c206b8d9b9f0f37644430b490eeaa314"));
  const InitialKeys second = derive_client_keys(kVersion2, id);
  CHECK(as_octets(second.key) == from_hex("8b1a0bc121284290a29e0971b5cd045d"));
  CHECK(as_octets(second.iv) == from_hex("91f73e2351d8fa91660e909f"));
  CHECK(as_octets(second.hp) == from_hex("45b95e15235d6f45a6b19cbcb0294ba9"));
}

TEST_CASE("Quic: the packets of RFC 9001 and RFC 9369 appendix A.2 open", "[agent][quic]") {
  // The builder makes the packets of the standards, byte for byte: their first and last are there.
  const Octets v1 = rfc_packet(kVersion1);
  REQUIRE(v1.size() == 1200);
  CHECK(Octets(v1.begin(), v1.begin() + 34) ==
        from_hex("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242"));
  CHECK(Octets(v1.end() - 16, v1.end()) == from_hex("e221af44860018ab0856972e194cd934"));
  const Octets v2 = rfc_packet(kVersion2);
  REQUIRE(v2.size() == 1200);
  CHECK(Octets(v2.begin(), v2.begin() + 32) ==
        from_hex("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"));
  CHECK(Octets(v2.end() - 16, v2.end()) == from_hex("a18b2faa745b6fe189cf772a9f84cbfc"));

  InitialOpener opener;
  CHECK(name_in(opener, v1) == "example.com");
  CHECK(name_in(opener, v2) == "example.com");
}

TEST_CASE("Quic: the drafts and mvfst open with their salts", "[agent][quic]") {
  InitialOpener opener;
  for (const std::uint32_t version :
       {0xff000016U, 0xff000017U, 0xff00001bU, 0xff00001cU, 0xff00001dU, 0xff000020U, 0xff000021U,
        0xff000022U, 0xfaceb001U, 0xfaceb002U}) {
    CAPTURE(version);
    InitialSpec spec;
    spec.version = version;
    CHECK(name_in(opener, seal_initial(spec, kRfcFrame)) == "example.com");
  }
  CHECK_FALSE(is_known_version(0xff000015U));
  CHECK_FALSE(is_known_version(0xff000023U));
  CHECK_FALSE(is_known_version(0x1a2a3a4aU));
}

TEST_CASE("Quic: packet numbers of one to four bytes open", "[agent][quic]") {
  InitialOpener opener;
  for (std::size_t bytes = 1; bytes <= 4; ++bytes) {
    CAPTURE(bytes);
    InitialSpec spec;
    spec.number = 5;
    spec.number_bytes = bytes;
    CHECK(name_in(opener, seal_initial(spec, kRfcFrame)) == "example.com");
  }
}

TEST_CASE("Quic: every proper prefix of a packet is reported as truncated", "[agent][quic]") {
  const Octets packet = rfc_packet(kVersion1);
  for (std::size_t size = 0; size < packet.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of(Bytes{packet}.first(size)) == ParseError::truncated);
  }
}

TEST_CASE("Quic: any single byte changed is refused or harmless", "[agent][quic]") {
  InitialSpec spec;
  const Octets good = seal_initial(spec, kRfcFrame);
  InitialOpener opener;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      Octets datagram = good;
      if (datagram[i] == value) {
        continue;
      }
      datagram[i] = value;
      ByteReader reader{datagram};
      const auto packet = parse_packet(reader);
      if (!packet || packet->type != PacketType::initial) {
        continue;
      }
      // The header is authenticated too: nothing that was touched opens.
      CHECK_FALSE(
          opener.open(derive_client_keys(packet->version, packet->destination_id), *packet));
    }
  }
}

TEST_CASE("Quic: coalesced packets are walked one by one", "[agent][quic]") {
  const Octets one = rfc_packet(kVersion1);
  InitialSpec spec;
  spec.destination_id = {1, 2, 3};
  const Octets two = seal_initial(spec, kRfcFrame);
  const Octets datagram = joined({one, two, Octets(10, 0)});
  ByteReader reader{datagram};
  const auto first = parse_packet(reader);
  REQUIRE(first);
  CHECK(first->bytes.size() == one.size());
  const auto second = parse_packet(reader);
  REQUIRE(second);
  CHECK(second->destination_id.size() == 3);
  CHECK(second->bytes.size() == two.size());
  CHECK(reader.remaining() == 10);
  const auto padding = parse_packet(reader);
  REQUIRE_FALSE(padding);
  CHECK(padding.error() == ParseError::not_protocol);
}

TEST_CASE("Quic: types are told in both versions", "[agent][quic]") {
  const auto type_of = [](const char* hex) { return packet_in(from_hex(hex)).type; };
  CHECK(type_of("c0 00000001 00 00 00 01 aa") == PacketType::initial);
  CHECK(type_of("d0 00000001 00 00 01 aa") == PacketType::zero_rtt);
  CHECK(type_of("e0 00000001 00 00 01 aa") == PacketType::handshake);
  CHECK(type_of("f0 00000001 00 00 aabb") == PacketType::retry);
  CHECK(type_of("d0 6b3343cf 00 00 00 01 aa") == PacketType::initial);
  CHECK(type_of("e0 6b3343cf 00 00 01 aa") == PacketType::zero_rtt);
  CHECK(type_of("f0 6b3343cf 00 00 01 aa") == PacketType::handshake);
  CHECK(type_of("c0 6b3343cf 00 00 aabb") == PacketType::retry);
  CHECK(type_of("c0 00000000 00 00 00000001") == PacketType::version_negotiation);
}

TEST_CASE("Quic: tokens are stepped over, and lengths may not lie", "[agent][quic]") {
  InitialSpec spec;
  spec.token = Octets(100, 0x77);
  const Octets good = seal_initial(spec, kRfcFrame);
  InitialOpener opener;
  CHECK(name_in(opener, good) == "example.com");
  CHECK(packet_in(good).token.size() == 100);
  // A token, then a payload longer than the datagram.
  CHECK(error_of(from_hex("c0 00000001 00 00 7fff 00")) == ParseError::truncated);
  CHECK(error_of(from_hex("c0 00000001 00 00 00 7fff 00")) == ParseError::truncated);
  // Too short to take a sample from.
  const PacketView tiny = packet_in(from_hex("c0 00000001 00 00 00 01 aa"));
  CHECK(opener.open(InitialKeys{}, tiny).error() == ParseError::truncated);
}

TEST_CASE("Quic: connection ids at the limit pass, above it are not QUIC", "[agent][quic]") {
  InitialSpec spec;
  spec.destination_id = Octets(20, 9);
  InitialOpener opener;
  CHECK(name_in(opener, seal_initial(spec, kRfcFrame)) == "example.com");
  spec.destination_id = Octets(21, 9);
  CHECK(error_of(seal_initial(spec, kRfcFrame)) == ParseError::not_protocol);
}

TEST_CASE("Quic: packets at the limit open and larger ones are over it", "[agent][quic]") {
  InitialSpec spec;
  spec.padded_to = 4000;
  InitialOpener opener;
  CHECK(name_in(opener, seal_initial(spec, kRfcFrame)) == "example.com");
  PacketView huge;
  const Octets bytes(kMaxPacketBytes + 1, 0xc0);
  huge.bytes = bytes;
  huge.protected_at = 20;
  CHECK(opener.open(InitialKeys{}, huge).error() == ParseError::over_limit);
}

TEST_CASE("Quic: look-alikes are not QUIC", "[agent][quic]") {
  CHECK(error_of(from_hex("40 0102030405060708")) == ParseError::not_protocol);   // short header
  CHECK(error_of(from_hex("80 00000001 00 00 00")) == ParseError::not_protocol);  // no fixed bit
  CHECK(error_of(from_hex("c0 12345678 00 00 00")) == ParseError::not_protocol);  // odd version
  CHECK(error_of(from_text("\xc3\xa9t\xc3\xa9 text")) == ParseError::not_protocol);
  CHECK(error_of(from_hex("8060 1234 00000001 deadbeef")) == ParseError::not_protocol);  // RTP
  CHECK_FALSE(has_long_header({}));
}

TEST_CASE("Quic: CRYPTO frames are found between all that may stand beside them", "[agent][quic]") {
  const Octets payload = joined({
      from_hex("01 00 00"),              // PING, PADDING
      from_hex("02 05 01 01 00 02 03"),  // ACK with one more range
      crypto_frame(3, from_text("def")),
      from_hex("03 05 01 00 00 01 02 03"),  // ACK with ECN counts
      crypto_frame(0, from_text("abc")),
      from_hex("1c 0a 06 03 626164"),  // CONNECTION_CLOSE
  });
  CryptoReader reader{payload};
  CryptoView piece;
  REQUIRE(reader.next(piece));
  CHECK(piece.offset == 3);
  CHECK(Octets(piece.data.begin(), piece.data.end()) == from_text("def"));
  REQUIRE(reader.next(piece));
  CHECK(piece.offset == 0);
  CHECK_FALSE(reader.next(piece));
  CHECK_FALSE(reader.broken());
}

TEST_CASE("Quic: frames that are cut or do not belong end the walk", "[agent][quic]") {
  for (const char* hex :
       {"06 00 05 6162", "02 05", "02 05 01 ff 00", "1c 00 00 7fff", "08 00", "06 c0"}) {
    CAPTURE(hex);
    const Octets payload = from_hex(hex);
    CryptoReader reader{payload};
    CryptoView piece;
    CHECK_FALSE(reader.next(piece));
    CHECK(reader.broken());
  }
}

TEST_CASE("Quic: variable-length integers of RFC 9000 appendix A.1 come out", "[agent][quic]") {
  const auto read = [](const char* hex) {
    const Octets bytes = from_hex(hex);
    ByteReader reader{bytes};
    return read_varint(reader);
  };
  CHECK(read("c2197c5eff14e88c") == 151288809941952652U);
  CHECK(read("9d7f3e7d") == 494878333U);
  CHECK(read("7bbd") == 15293U);
  CHECK(read("25") == 37U);
  CHECK(read("4025") == 37U);
}

}  // namespace
}  // namespace gnomon::quic
