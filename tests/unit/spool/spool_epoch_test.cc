#include <string>

#include "agent/spool/spool.h"
#include "tests/support/catch.h"
#include "tests/unit/spool/spool_bench.h"

namespace gnomon {
namespace {

using testing::SpoolBench;

TEST_CASE("Spool: a collector restored from a backup gets its tail again", "[agent][spool]") {
  SpoolBench world;
  world.open();
  for (int i = 1; i <= 9; ++i) {
    world.append("tool-" + std::to_string(i));
  }
  CHECK(*world.spool->reconcile(0, 0) == 1);
  world.spool->acknowledge(9);
  CHECK(*world.spool->reconcile(world.spool->epoch(), 4) == 5);
  CHECK(world.spool->waiting() == 5);
  CHECK(world.tool_at(5) == "tool-5");
}

TEST_CASE("Spool: a tail that vanished does not reuse its sequences", "[agent][spool]") {
  SpoolBench world;
  world.open();
  world.append("a");
  std::string* segment = world.files.contents(world.newest_segment());
  const std::string image = *segment;
  world.append("b");
  world.append("c");
  // The collector has all three; the disk goes back to when there was one.
  const std::string path = world.newest_segment();
  world.spool.reset();
  static_cast<void>(world.files.remove("/spool/acknowledged").has_value());
  *world.files.contents(path) = image;
  world.open();
  CHECK(world.append("new-1") == 2);
  CHECK(world.append("new-2") == 3);
  CHECK(world.append("new-3") == 4);
  const auto from = world.spool->reconcile(world.spool->epoch(), 3);
  REQUIRE(from);
  CHECK(*from == 4);
  CHECK(world.tool_at(4) == "new-3");
  CHECK(world.tool_at(5) == "new-1");
  CHECK(world.tool_at(6) == "new-2");
}

TEST_CASE("Spool: an epoch behind the collector's is replaced by a greater one", "[agent][spool]") {
  SpoolBench world;
  world.open();
  world.append("a");
  world.append("b");
  world.spool->acknowledge(1);
  const std::uint64_t theirs = world.spool->epoch() + 1000;
  CHECK(*world.spool->reconcile(theirs, 77) == 1);
  CHECK(world.spool->epoch() == theirs + 1);
  CHECK(world.spool->last_sequence() == 1);
  CHECK(world.tool_at(1) == "b");
  world.open();
  CHECK(world.spool->epoch() == theirs + 1);
  CHECK(world.tool_at(1) == "b");
  CHECK(world.append("c") == 2);
}

TEST_CASE("Spool: begun anew it keeps what waits, under new numbers, and nothing else",
          "[agent][spool]") {
  SpoolBench world;
  world.open();
  CHECK(world.spool->begin_anew());  // nothing is acknowledged: nothing to do
  const std::uint64_t epoch = world.spool->epoch();
  for (const char* tool : {"a", "b", "c", "d"}) {
    world.append(tool);
  }
  world.spool->acknowledge(2);
  REQUIRE(world.spool->begin_anew());
  CHECK(world.spool->epoch() == epoch + 1);
  CHECK(world.spool->acknowledged() == 0);
  CHECK(world.spool->last_sequence() == 2);
  // A collector that knows nothing of the new name takes it from the first on.
  CHECK(*world.spool->reconcile(0, 0) == 1);
  CHECK(world.tool_at(1) == "c");
  world.open();
  CHECK(world.tool_at(1) == "c");
  CHECK(world.tool_at(2) == "d");
  CHECK(world.append("e") == 3);
}

TEST_CASE("Spool: a power cut while it begins anew loses nothing that waits", "[agent][spool]") {
  for (std::uint64_t at = 0;; ++at) {
    CAPTURE(at);
    SpoolBench world;
    world.open();
    for (const char* tool : {"a", "b", "c"}) {
      world.append(tool);
    }
    world.spool->acknowledge(1);
    REQUIRE(world.spool->maintain());  // the acknowledgement is on disk
    const std::uint64_t epoch = world.spool->epoch();
    world.files.fail_after(at);
    const bool whole = world.spool->begin_anew().has_value();
    world.spool.reset();
    world.files.disarm();
    world.files.power_cut(world.random);
    world.open();
    const std::uint64_t first = world.spool->epoch() == epoch ? 2 : 1;
    CHECK(world.tool_at(first) == "b");
    CHECK(world.tool_at(first + 1) == "c");
    CHECK(world.spool->last_sequence() == first + 1);
    if (whole) {
      CHECK(world.spool->epoch() == epoch + 1);
      break;
    }
  }
}

}  // namespace
}  // namespace gnomon
