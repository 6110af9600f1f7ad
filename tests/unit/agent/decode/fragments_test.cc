#include <algorithm>
#include <vector>

#include "agent/decode/decoder.h"
#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/agent/decode/decode_bench.h"

namespace gnomon {

using testing::Buffer;
using testing::DecodeBench;
using testing::ipv4;
using testing::ipv6;
using testing::join;
using testing::kText;
using testing::kUdp;
using testing::kWords;
using testing::number16;
using testing::udp;

TEST_CASE("Decoder: fragments of either version come out whole, in any order", "[agent][decode]") {
  Buffer large(3000, 0);
  for (std::size_t i = 0; i < large.size(); ++i) {
    large[i] = static_cast<std::uint8_t>(i * 13);
  }
  const Buffer whole = udp(53, 50000, large);
  for (const bool v6 : {false, true}) {
    std::vector<Buffer> pieces;
    for (std::size_t at = 0; at < whole.size(); at += 1000) {
      const Bytes part = Bytes{whole}.subspan(at, std::min<std::size_t>(1000, whole.size() - at));
      const bool more = at + part.size() < whole.size();
      if (v6) {
        const auto field = static_cast<std::uint16_t>(at | (more ? 1 : 0));
        pieces.push_back(
            ipv6(44, join({Buffer{kUdp, 0}, number16(field), Buffer{0, 0, 0, 9}, part})));
      } else {
        const auto field = static_cast<std::uint16_t>((at / 8) | (more ? 0x2000 : 0));
        pieces.push_back(ipv4(kUdp, part, {9, field, {}, -1}));
      }
    }
    REQUIRE(pieces.size() == 4);
    const std::vector<std::vector<std::size_t>> orders = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 1, 0, 3, 3, 2}, {0, 0, 0, 1, 2, 1, 2, 3}};
    for (const auto& order : orders) {
      CAPTURE(v6, order.size(), order[0]);
      DecodeBench f;
      std::size_t datagrams = 0;
      for (const std::size_t i : order) {
        if (f.decode(pieces[i], 101) == DecodeOutcome::datagram) {
          ++datagrams;
          CHECK(Buffer{f.datagram.payload.begin(), f.datagram.payload.end()} == large);
          CHECK(f.datagram.source.port == 53);
        }
      }
      CHECK(datagrams == 1);
    }
  }
}

TEST_CASE("Decoder: overlapping fragments drop the datagram and what comes of it later",
          "[agent][decode]") {
  const Buffer whole = udp(53, 50000, Buffer(400, 0x61));
  const auto piece = [&](std::size_t at, std::size_t size, std::uint8_t change, bool more) {
    Buffer part{whole.begin() + static_cast<std::ptrdiff_t>(at),
                whole.begin() + static_cast<std::ptrdiff_t>(at + size)};
    part.back() ^= change;
    return ipv6(44,
                join({Buffer{kUdp, 0}, number16(static_cast<std::uint16_t>(at | (more ? 1 : 0))),
                      Buffer{0, 0, 0, 9}, part}));
  };
  DecodeBench f;
  REQUIRE(f.decode(piece(0, 80, 0, true), 101) == DecodeOutcome::fragment_held);
  SECTION("by some bytes") {
    CHECK(f.decode(piece(72, 80, 0, true), 101) == DecodeOutcome::fragment_overlap);
  }
  SECTION("with the same place and other bytes") {
    CHECK(f.decode(piece(0, 80, 1, true), 101) == DecodeOutcome::fragment_overlap);
  }
  SECTION("around the first") {
    CHECK(f.decode(piece(0, 160, 0, true), 101) == DecodeOutcome::fragment_overlap);
  }
  SECTION("with two ends") {
    REQUIRE(f.decode(piece(320, 88, 0, false), 101) == DecodeOutcome::fragment_held);
    CHECK(f.decode(piece(160, 40, 0, false), 101) == DecodeOutcome::fragment_overlap);
  }
  SECTION("behind the end") {
    REQUIRE(f.decode(piece(160, 40, 0, false), 101) == DecodeOutcome::fragment_held);
    CHECK(f.decode(piece(320, 40, 0, true), 101) == DecodeOutcome::fragment_overlap);
  }
  CHECK(f.decode(piece(80, 328, 0, false), 101) == DecodeOutcome::fragment_overlap);
}

TEST_CASE("Decoder: pieces that cannot be pieces are refused", "[agent][decode]") {
  DecodeBench f;
  // Not a multiple of eight, and not the last.
  CHECK(f.decode(ipv4(kUdp, Buffer(13, 0), {1, 0x2000, {}, -1}), 101) ==
        DecodeOutcome::fragment_malformed);
  // Behind the end of any datagram.
  CHECK(f.decode(ipv4(kUdp, Buffer(800, 0), {1, 0x1fff, {}, -1}), 101) ==
        DecodeOutcome::fragment_malformed);
  // Nothing in it.
  CHECK(f.decode(ipv4(kUdp, Buffer{}, {1, 0x2000, {}, -1}), 101) ==
        DecodeOutcome::fragment_malformed);
  // Cut off by the snaplen.
  const Buffer cut = ipv4(kUdp, Buffer(80, 0), {1, 0x2001, {}, 400});
  CHECK(f.decode(cut, 101) == DecodeOutcome::fragment_malformed);
}

TEST_CASE("Decoder: a first piece that the snaplen cut is handed on as it is", "[agent][decode]") {
  DecodeBench f;
  const Buffer piece = ipv4(kUdp, udp(53, 5000, kWords, 1400), {1, 0x2000, {}, 1420});
  REQUIRE(f.decode(piece, 101) == DecodeOutcome::datagram);
  CHECK(f.text() == kText);
  CHECK(f.datagram.missing > 0);
}

TEST_CASE("Decoder: a flood of fragments keeps its memory", "[agent][decode]") {
  Counters counters;
  FragmentTable::Limits limits;
  limits.datagrams = 64;
  limits.bytes = 100'000;
  FragmentTable table{limits, counters};
  const Buffer bytes(8000, 1);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    Fragment fragment;
    fragment.source = testing::ipv4_address(1);
    fragment.id = i;
    fragment.more = true;
    fragment.offset = 8 * (i % 700);
    fragment.bytes = bytes;
    CHECK(table.add(fragment, {}) == FragmentOutcome::held);
    REQUIRE(table.held_bytes() <= limits.bytes + kWords.size());
  }
  CHECK(counters.value("decode_fragments_evicted_total") > 4900);
}

TEST_CASE("Decoder: a fragment number that comes round again does not mix datagrams",
          "[agent][decode]") {
  Counters counters;
  FragmentTable table{{}, counters};
  const Buffer one(8, 1);
  const Buffer two(8, 2);
  Fragment fragment;
  fragment.id = 5;
  fragment.more = true;
  fragment.bytes = one;
  CHECK(table.add(fragment, testing::second(0)) == FragmentOutcome::held);
  fragment.offset = 8;
  fragment.more = false;
  fragment.bytes = two;
  CHECK(table.add(fragment, testing::second(31)) == FragmentOutcome::held);
  CHECK(table.add(fragment, testing::second(32)) == FragmentOutcome::duplicate);
  CHECK(counters.value("decode_fragments_evicted_total") == 1);
}

}  // namespace gnomon
