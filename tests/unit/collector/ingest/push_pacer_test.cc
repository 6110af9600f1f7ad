#include "collector/ingest/push_pacer.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

// At once and without jitter, unless a test says otherwise.
PushPace quick(std::size_t at_once) {
  PushPace pace;
  pace.at_once = at_once;
  pace.spread = std::chrono::microseconds{0};
  return pace;
}

TEST_CASE("PushPacer: never more turns than allowed, and everybody's comes",
          "[collector][ingest]") {
  boost::asio::io_context io;
  Counters counters;
  PushPacer pacer(io.get_executor(), quick(3), counters);
  std::vector<PushPacer::Ticket> having;
  int turns = 0;
  for (int i = 0; i < 20; ++i) {
    auto ticket = std::make_shared<PushPacer::Ticket>(0);
    *ticket = pacer.wait(0, [&, ticket] {
      ++turns;
      having.push_back(*ticket);
    });
  }
  while (turns < 20) {
    io.run_one();
    io.restart();
    CHECK(pacer.running() <= 3);
    if (pacer.running() == 3 || turns == 20) {
      pacer.leave(having.back());
      having.pop_back();
    }
  }
  CHECK(pacer.waiting() == 0);
}

TEST_CASE("PushPacer: who leaves the queue gets no turn, leaving twice is once",
          "[collector][ingest]") {
  boost::asio::io_context io;
  Counters counters;
  PushPacer pacer(io.get_executor(), quick(1), counters);
  std::vector<int> turns;
  const auto first = pacer.wait(0, [&] { turns.push_back(1); });
  const auto second = pacer.wait(0, [&] { turns.push_back(2); });
  pacer.wait(0, [&] { turns.push_back(3); });
  pacer.leave(second);
  pacer.leave(second);
  while (turns.empty()) {
    io.run_one();
  }
  CHECK(turns == std::vector<int>{1});
  CHECK(counters.value("ingest_pushes_waiting") == 1);
  pacer.leave(first);
  pacer.leave(first);
  io.restart();
  io.run();
  CHECK(turns == std::vector<int>{1, 3});
}

TEST_CASE("PushPacer: the bytes of one turn hold the next one back", "[collector][ingest]") {
  boost::asio::io_context io;
  Counters counters;
  PushPace pace = quick(100);
  pace.bytes_per_second = 1;
  PushPacer pacer(io.get_executor(), pace, counters);
  int turns = 0;
  for (int i = 0; i < 3; ++i) {
    pacer.wait(1'000'000, [&] { ++turns; });  // eleven days
  }
  while (turns == 0) {
    io.run_one();
  }
  io.poll();
  CHECK(turns == 1);
  CHECK(pacer.waiting() == 2);
  pacer.stop();
  CHECK(pacer.waiting() == 0);
}

TEST_CASE("PushPacer: a crowd's turns do not come in the order of its arrival",
          "[collector][ingest]") {
  boost::asio::io_context io;
  Counters counters;
  PushPace pace = quick(1000);
  pace.spread = std::chrono::microseconds{100};
  PushPacer pacer(io.get_executor(), pace, counters);
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) {
    pacer.wait(0, [&order, i] { order.push_back(i); });
  }
  io.run();
  REQUIRE(order.size() == 200);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace gnomon
