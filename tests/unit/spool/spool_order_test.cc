#include "agent/spool/spool.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/spool/spool_bench.h"

namespace gnomon {
namespace {

using testing::batch_of;
using testing::ManualClock;
using testing::PlainCipher;
using testing::SpoolBench;
using testing::TempDirectory;

TEST_CASE("Spool: batches come out in the order they went in, also after a restart",
          "[agent][spool]") {
  SpoolBench world;
  world.open();
  CHECK(world.append("a") == 1);
  CHECK(world.append("b") == 2);
  CHECK(world.tool_at(1) == "a");
  CHECK(world.tool_at(2) == "b");
  CHECK_FALSE(*world.spool->next(3));
  const auto epoch = world.spool->epoch();
  world.open();
  CHECK(world.spool->epoch() == epoch);
  CHECK(world.append("c") == 3);
  CHECK(world.tool_at(2) == "b");
  CHECK(world.tool_at(3) == "c");
}

TEST_CASE("Spool: a second one on the same directory fails to open", "[agent][spool]") {
  TempDirectory directory;
  PosixFileSystem files;
  ManualClock clock;
  Counters counters;
  SpoolOptions options;
  options.directory = directory.file("spool");
  const auto first = Spool::open(files, clock, counters, options);
  REQUIRE(first);
  const auto second = Spool::open(files, clock, counters, options);
  REQUIRE_FALSE(second);
  CHECK(second.error().fault == SpoolFault::locked);
  CHECK(second.error().text() == "another process uses the spool in " + options.directory);
}

TEST_CASE("Spool: works on the machine's own file system", "[agent][spool]") {
  TempDirectory directory;
  PosixFileSystem files;
  ManualClock clock;
  Counters counters;
  SpoolOptions options;
  options.directory = directory.file("deep/spool");
  options.segment_bytes = 500;
  for (int round = 0; round < 3; ++round) {
    auto spool = Spool::open(files, clock, counters, options);
    REQUIRE(spool);
    for (int i = 0; i < 5; ++i) {
      REQUIRE((*spool)->append(batch_of("tool")));
    }
    CHECK((*spool)->last_sequence() == static_cast<std::uint64_t>(5 * (round + 1)));
    (*spool)->acknowledge(3);
  }
}

TEST_CASE("Spool: a batch that breaks a limit of the wire is refused", "[agent][spool]") {
  SpoolBench world;
  world.open();
  const auto refused = world.spool->append(batch_of("Not A Tool"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().fault == SpoolFault::invalid);
}

TEST_CASE("Spool: encrypted payloads open with their key only", "[agent][spool]") {
  SpoolBench world;
  const PlainCipher key{"k1"};
  const PlainCipher other{"k2"};
  {
    auto spool = Spool::open(world.files, world.clock, world.counters, world.options, &key);
    REQUIRE(spool);
    REQUIRE((*spool)->append(batch_of("secret")));
    const auto batch = (*spool)->next(1);
    REQUIRE(batch);
    CHECK((*batch)->contacts == 1);
  }
  for (const RecordCipher* cipher :
       {static_cast<const RecordCipher*>(&other), static_cast<const RecordCipher*>(nullptr)}) {
    auto spool = Spool::open(world.files, world.clock, world.counters, world.options, cipher);
    REQUIRE(spool);
    const auto batch = (*spool)->next(1);
    REQUIRE(batch);
    CHECK(SpoolBench::decoded(**batch).gaps.at(0).reason == "record-damaged");
  }
}

}  // namespace
}  // namespace gnomon
