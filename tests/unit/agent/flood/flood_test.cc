// Floods of what never ends: the rooms give up the oldest, count it, and take no more memory.

#include <array>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>

#include "agent/decode/decoder.h"
#include "agent/flow/flow_table.h"
#include "agent/sight/sight.h"
#include "tests/support/allocation_count.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"
#include "tests/support/packet_builder.h"

namespace gnomon {
namespace {

using testing::Buffer;
using testing::bytes_of;

class Forgetting final : public SightingSink {
 public:
  void on_sighting(Sighting&& /*sighting*/) override {}
};

// Rooms are 2 to 4 with limits so small that a flood of some thousands is one.
class Rooms {
 public:
  Rooms()
      : decoder_(counters), flows_(flow_limits(), counters), sight_(options(), sink_, counters) {}

  void take(Bytes packet) {
    time_ += 0.000'1;
    Packet whole = testing::packet_of(packet, 101);  // LINKTYPE_RAW
    whole.when = testing::second(time_);
    Datagram datagram;
    ++taken;
    if (decoder_.decode(whole, datagram) == DecodeOutcome::datagram) {
      ++datagrams;
      flows_.add(datagram, sight_);
    }
  }

  std::uint64_t evicted(const std::string& series) const {
    return static_cast<std::uint64_t>(counters.value(series));
  }

  // outcomes is the sum of all series of a family.
  std::uint64_t outcomes(const std::string& family) const {
    std::uint64_t sum = 0;
    const std::string text = counters.render();
    for (std::size_t at = text.find("\n" + family + "{"); at != std::string::npos;
         at = text.find("\n" + family + "{", at + 1)) {
      sum += std::strtoull(text.c_str() + text.find("} ", at) + 2, nullptr, 10);
    }
    return sum;
  }

  Counters counters;
  std::uint64_t taken = 0;
  std::uint64_t datagrams = 0;

 private:
  static FlowLimits flow_limits() {
    FlowLimits limits;
    limits.flows = 512;
    limits.small_flights = 64;
    limits.large_flights = 16;
    limits.settled = 512;
    return limits;
  }
  static SightOptions options() {
    SightOptions options;
    options.max_streams = 128;
    options.answers = {128, 64};
    options.quic = {32, 128};
    return options;
  }

  Forgetting sink_;
  Decoder decoder_;
  FlowTable flows_;
  Sight sight_;
  double time_ = 0;
};

// Ends are the two ends of a connection that nobody has seen yet.
struct Ends {
  std::uint16_t port = 0;
  std::uint16_t server = 0;
};
Ends ends_of(std::uint32_t number) {
  return {static_cast<std::uint16_t>(1024 + number % 60000),
          static_cast<std::uint16_t>(443 + number / 60000)};
}

// flood lets half of a flood in, and then as much again: nothing may be allocated for the second
// half that was not for the first, but for what the size of single messages makes of chance.
void flood(Rooms& rooms, std::uint32_t count, const std::function<void(std::uint32_t)>& send) {
  constexpr std::ptrdiff_t kChance = 32 * 1024;
  for (std::uint32_t i = 0; i < count / 2; ++i) {
    send(i);
  }
  const std::ptrdiff_t half_way = testing::live_bytes();
  for (std::uint32_t i = count / 2; i < count; ++i) {
    send(i);
  }
  CHECK(testing::live_bytes() <= half_way + kChance);
  CHECK(rooms.outcomes("decode_packets_total") == rooms.taken);
  CHECK(rooms.outcomes("flow_datagrams_total") == rooms.datagrams);
}

}  // namespace

TEST_CASE("Flood: half-open hellos take no more memory than a few", "[agent][flow]") {
  Rooms rooms;
  const Buffer hello = testing::client_hello_record({});
  const Bytes begun = Bytes{hello}.first(80);
  flood(rooms, 20'000, [&](std::uint32_t i) {
    const Ends ends = ends_of(i);
    rooms.take(
        testing::ipv4(6, testing::tcp(ends.port, ends.server, {}, {i * 7919, TcpFlags::kSyn, {}})));
    rooms.take(testing::ipv4(
        6, testing::tcp(ends.port, ends.server, begun, {i * 7919 + 1, TcpFlags::kAck, {}})));
  });
  CHECK(rooms.evicted("flow_evicted_total{what=\"flow\"}") == 20'000 - 512);
  CHECK(rooms.evicted("flow_evicted_total{what=\"flight\"}") == 20'000 - 64);
}

TEST_CASE("Flood: segments behind holes take no more memory than a few", "[agent][flow]") {
  Rooms rooms;
  const Buffer far(1200, 0x61);
  flood(rooms, 10'000, [&](std::uint32_t i) {
    const Ends ends = ends_of(i);
    rooms.take(
        testing::ipv6(6, testing::tcp(ends.port, ends.server, {}, {i * 7919, TcpFlags::kSyn, {}})));
    rooms.take(testing::ipv6(
        6, testing::tcp(ends.port, ends.server, far, {i * 7919 + 9000, TcpFlags::kAck, {}})));
  });
  CHECK(rooms.evicted("flow_evicted_total{what=\"flight\"}") == 10'000 - 16);
}

TEST_CASE("Flood: fragments without end take no more memory than a few", "[agent][decode]") {
  Rooms rooms;
  const Buffer piece(1400, 0x62);
  flood(rooms, 20'000, [&](std::uint32_t i) {
    const auto id = static_cast<std::uint16_t>(i);
    rooms.take(testing::ipv4(17, piece, {id, 0x2000, {}, -1}));
    const Buffer head{
        17, 0, 0, 1, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    rooms.take(testing::ipv6(44, testing::join({head, Bytes{piece}.first(1400)})));
  });
  CHECK(rooms.evicted("decode_fragments_evicted_total") > 30'000);
}

TEST_CASE("Flood: QUIC connections that never finish their hello take no more memory than a few",
          "[agent][sight]") {
  Rooms rooms;
  testing::HelloSpec spec;
  spec.padding = 1500;
  const testing::Octets hello = testing::client_hello(spec);
  const testing::Octets frames = testing::crypto_frame(0, Bytes{hello}.first(900));
  flood(rooms, 2'000, [&](std::uint32_t i) {
    testing::InitialSpec initial;
    initial.destination_id = {1,
                              2,
                              3,
                              4,
                              static_cast<std::uint8_t>(i >> 16),
                              static_cast<std::uint8_t>(i >> 8),
                              static_cast<std::uint8_t>(i),
                              8};
    initial.padded_to = 1150;
    const Ends ends = ends_of(i);
    rooms.take(testing::ipv4(
        17, testing::udp(ends.port, ends.server, testing::seal_initial(initial, frames))));
  });
  // Flows end before the table is full: most that goes, goes with its flow.
  CHECK(rooms.evicted("sight_flights_total{protocol=\"quic\",outcome=\"waiting\"}") == 2'000);
  CHECK(rooms.evicted("sight_evicted_total{table=\"quic_pending\"}") == 2'000 - 32);
}

TEST_CASE("Flood: DNS answers for ever new names take no more memory than a few",
          "[agent][sight]") {
  Rooms rooms;
  flood(rooms, 10'000, [&](std::uint32_t i) {
    std::array<char, 40> name{};
    static_cast<void>(std::snprintf(name.data(), name.size(), "host-%06u.example.com", i));
    const Buffer address{10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                         static_cast<std::uint8_t>(i)};
    testing::DnsBuilder builder{true, static_cast<std::uint16_t>(i)};
    builder.question(name.data()).answer(name.data(), 1, address);
    builder.answer(name.data(), 65, testing::https_data("front.example"));
    rooms.take(testing::ipv4(17, testing::udp(53, ends_of(i).port, builder.build())));
  });
  CHECK(rooms.evicted("sight_evicted_total{table=\"answers\"}") == 10'000 - 128);
  CHECK(rooms.evicted("sight_evicted_total{table=\"ech\"}") == 10'000 - 64);
}

TEST_CASE("Flood: streams that nobody knows take no more memory than a few", "[agent][sight]") {
  Rooms rooms;
  flood(rooms, 10'000, [&](std::uint32_t i) {
    const Ends ends = ends_of(i);
    rooms.take(
        testing::ipv4(6, testing::tcp(ends.port, ends.server, {}, {i * 7919, TcpFlags::kSyn, {}})));
    rooms.take(testing::ipv4(6, testing::tcp(ends.port, ends.server, bytes_of("a strange greeting"),
                                             {i * 7919 + 1, TcpFlags::kAck, {}})));
  });
  CHECK(rooms.evicted("sight_evicted_total{table=\"streams\"}") == 10'000 - 128);
}

}  // namespace gnomon
