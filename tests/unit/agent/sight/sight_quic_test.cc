#include <algorithm>
#include <random>
#include <vector>

#include "agent/sight/sight.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"
#include "tests/unit/agent/sight/support.h"

namespace gnomon {
namespace {

using testing::client_hello;
using testing::crypto_frame;
using testing::from_hex;
using testing::from_text;
using testing::HelloSpec;
using testing::InitialSpec;
using testing::joined;
using testing::named;
using testing::Octets;
using testing::seal_initial;
using testing::SightBench;

Octets initial_with(Bytes frames, const InitialSpec& spec = {}) {
  return seal_initial(spec, frames);
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

}  // namespace
}  // namespace gnomon
