// Rule packs on their way down: cut off, not read, not wanted.

#include <string>
#include <vector>

#include "core/net/crypto.h"
#include "core/net/link.h"
#include "core/wire/frame.h"
#include "tests/integration/raw_agent.h"
#include "tests/support/catch.h"
#include "tests/support/transport_world.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;
using testing::context_of;
using testing::hello_of;
using testing::kWithin;
using testing::LastWord;
using testing::Script;
using testing::talk;
using testing::TransportWorld;

// FleetMember is an enrolled agent whose words a test chooses.
struct FleetMember {
  explicit FleetMember(TransportWorld& world)
      : identity(world.enrol_into("agent", world.new_token())->identity),
        tls(context_of(identity)) {}

  Identity identity;
  TlsContext tls;
};

asio::awaitable<void> say(TlsConnection& connection, wire::Envelope message) {
  const auto sent = co_await send(connection, std::move(message), kWithin);
  REQUIRE(sent);
}

// hear_pushes reads until `count` pieces have come.
asio::awaitable<void> hear_pushes(TlsConnection& connection, std::size_t count,
                                  std::vector<wire::Push>& pieces) {
  while (pieces.size() < count) {
    auto received = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
    REQUIRE(received);
    if (auto* push = std::get_if<wire::Push>(&*received)) {
      pieces.push_back(std::move(*push));
    }
  }
}

TEST_CASE("Push: after a cut it goes on where it was, not from the beginning", "[integration]") {
  TransportWorld world;
  FleetMember agent(world);
  const std::string pack = random_bytes(5 * kPushPiece);
  world.ingest->offer(wire::PushKind::rule_pack, PushContent{5, pack});
  wire::Hello hello = hello_of(9);
  hello.takes_zstd = true;
  std::vector<wire::Push> first;
  talk(world.ingest_address(), agent.tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    wire::Envelope greeting = hello;
    co_await say(connection, std::move(greeting));
    co_await hear_pushes(connection, 2, first);
    connection.close();
  });
  hello.part = wire::PushPart{wire::PushKind::rule_pack, 5, 2 * kPushPiece, first[0].sha256};
  std::vector<wire::Push> rest;
  talk(world.ingest_address(), agent.tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    wire::Envelope greeting = hello;
    co_await say(connection, std::move(greeting));
    co_await hear_pushes(connection, 3, rest);
    connection.close();
  });
  std::string whole;
  for (const auto* pieces : {&first, &rest}) {
    for (const wire::Push& piece : *pieces) {
      CHECK(piece.offset == whole.size());
      whole += piece.piece;
    }
  }
  CHECK(whole == pack);
  CHECK(world.counters.value("ingest_pushes_resumed_total") == 1);
}

TEST_CASE("Push: an agent that does not take it is cut at the deadline, and counted",
          "[integration]") {
  IngestOptions options;
  options.push_within = milliseconds{50};
  TransportWorld world(options);
  FleetMember agent(world);
  world.ingest->offer(wire::PushKind::rule_pack, PushContent{5, random_bytes(kPushPiece)});
  // It reads every piece and never answers.
  talk(world.ingest_address(), agent.tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    wire::Envelope greeting = hello_of(9);
    co_await say(connection, std::move(greeting));
  });
  CHECK(world.refused("push-unread"));
}

TEST_CASE("Push: an agent that reads nothing is cut while it is written to, and counted",
          "[integration]") {
  IngestOptions options;
  options.write_within = milliseconds{50};
  TransportWorld world(options);
  FleetMember agent(world);
  world.ingest->offer(wire::PushKind::rule_pack, PushContent{5, random_bytes(wire::kMaxPushBytes)});
  talk(world.ingest_address(), agent.tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    wire::Envelope greeting = hello_of(9);
    co_await say(connection, std::move(greeting));
    asio::steady_timer look(co_await asio::this_coro::executor);
    while (!connection.peer_gone()) {
      look.expires_after(milliseconds{5});
      static_cast<void>(co_await look.async_wait(kAwait));
    }
    connection.close();
  });
  CHECK(world.refused("slow-reader"));
}

TEST_CASE("Push: what an agent refuses again and again it is not sent any more", "[integration]") {
  TransportWorld world;
  FleetMember agent(world);
  world.ingest->offer(wire::PushKind::rule_pack, PushContent{5, random_bytes(100)});
  // beat_once makes sure that the collector has acted on all that was said before.
  const auto beat_once = [](TlsConnection& connection) -> asio::awaitable<void> {
    wire::Envelope beat = wire::Heartbeat{};
    co_await say(connection, std::move(beat));
    auto received = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
    REQUIRE(received);
    CHECK(std::holds_alternative<wire::Heartbeat>(*received));
  };
  for (int i = 0; i < 3; ++i) {
    talk(world.ingest_address(), agent.tls,
         [&](TlsConnection& connection) -> asio::awaitable<void> {
           wire::Envelope greeting = hello_of(9);
           co_await say(connection, std::move(greeting));
           std::vector<wire::Push> pieces;
           co_await hear_pushes(connection, 1, pieces);
           wire::Envelope no = wire::PushReply{wire::PushKind::rule_pack, 5, false, "no"};
           co_await say(connection, std::move(no));
           co_await beat_once(connection);
           connection.close();
         });
  }
  talk(world.ingest_address(), agent.tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    wire::Envelope greeting = hello_of(9);
    co_await say(connection, std::move(greeting));
    static_cast<void>(co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin));
    for (int i = 0; i < 20; ++i) {
      co_await beat_once(connection);
    }
    connection.close();
  });
  CHECK(world.counters.value("ingest_pushes_total{kind=\"rule-pack\",applied=\"no\"}") == 3);
}

}  // namespace
}  // namespace gnomon
