#include "collector/ingest/handshake_gate.h"

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;

// Door records who came in, in order.
struct Door {
  asio::io_context io;
  std::vector<std::string> in;
  std::vector<HandshakeGate::Pass> passes;
  int sent_away = 0;

  void arrive(HandshakeGate& gate, std::string name) {
    asio::co_spawn(io, enter(gate, std::move(name)), [](const std::exception_ptr& thrown) {
      if (thrown) {
        std::rethrow_exception(thrown);
      }
    });
    io.poll();
    io.restart();
  }

  void settle() {
    io.poll();
    io.restart();
  }

 private:
  asio::awaitable<void> enter(HandshakeGate& gate, std::string name) {
    const auto pass = co_await gate.enter();
    if (pass) {
      in.push_back(std::move(name));
      passes.push_back(*pass);
    } else {
      ++sent_away;
    }
  }
};

TEST_CASE("HandshakeGate: so many at once, the others in the order in which they came",
          "[collector][ingest]") {
  Door door;
  HandshakeGate gate(door.io.get_executor(), 2, std::chrono::hours{1});
  for (const char* name : {"a", "b", "c", "d"}) {
    door.arrive(gate, name);
  }
  CHECK(door.in == std::vector<std::string>{"a", "b"});
  CHECK(gate.waiting() == 2);
  CHECK_FALSE(door.passes[0].waited);
  gate.leave(door.passes[1]);
  door.settle();
  CHECK(door.in == std::vector<std::string>{"a", "b", "c"});
  CHECK(door.passes[2].waited);
  gate.leave(door.passes[1]);  // twice is once
  door.settle();
  CHECK(gate.waiting() == 1);
  gate.stop();
  door.settle();
}

TEST_CASE("HandshakeGate: slow handshakes do not keep others out", "[collector][ingest]") {
  Door door;
  HandshakeGate gate(door.io.get_executor(), 1, milliseconds{1});
  door.arrive(gate, "slow");
  door.arrive(gate, "next");
  door.arrive(gate, "last");
  while (door.in.size() < 3) {  // nobody leaves; the test's time limit ends a gate that stays shut
    door.io.run_one();
    door.io.restart();
  }
  CHECK(door.in == std::vector<std::string>{"slow", "next", "last"});
}

TEST_CASE("HandshakeGate: stopping sends everybody away, now and later", "[collector][ingest]") {
  Door door;
  HandshakeGate gate(door.io.get_executor(), 1, std::chrono::hours{1});
  door.arrive(gate, "in");
  door.arrive(gate, "waiting");
  gate.stop();
  door.settle();
  CHECK(door.sent_away == 1);
  door.arrive(gate, "late");
  CHECK(door.sent_away == 2);
}

}  // namespace
}  // namespace gnomon
