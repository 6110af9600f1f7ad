#include <set>
#include <string>

#include "agent/spool/spool.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/unit/spool/spool_bench.h"

namespace gnomon {
namespace {

using testing::batch_of;
using testing::SpoolBench;

TEST_CASE("Spool: a power cut right after append keeps the batch", "[agent][spool]") {
  SpoolBench world;
  world.open();
  for (int i = 0; i < 20; ++i) {
    const std::string tool = "tool-" + std::to_string(i);
    const auto sequence = world.append(tool);
    world.files.power_cut(world.random);
    world.open();
    CHECK(world.tool_at(sequence) == tool);
  }
}

TEST_CASE("Spool: a power cut at every step of an append leaves all acknowledged batches",
          "[agent][spool][crash]") {
  for (std::uint64_t step = 0; step < 40; ++step) {
    for (unsigned seed = 0; seed < 4; ++seed) {
      CAPTURE(step, seed);
      SpoolBench world;
      world.random.seed(seed);
      world.options.segment_bytes = 400;
      world.open();
      std::set<std::string> kept;
      world.files.fail_after(step);
      for (int i = 0; i < 8; ++i) {
        const std::string tool = "tool-" + std::to_string(i);
        if (world.spool->append(batch_of(tool))) {
          kept.insert(tool);
        }
      }
      world.files.power_cut(world.random);
      world.open();
      std::set<std::string> found;
      for (std::uint64_t at = 1; at <= world.spool->last_sequence();) {
        const SpooledBatch batch = world.next(at);
        for (const Contact& contact : SpoolBench::decoded(batch).contacts) {
          CHECK(found.insert(contact.tool).second);
        }
        at = batch.sequence + 1;
      }
      for (const std::string& tool : kept) {
        CHECK(found.contains(tool));
      }
    }
  }
}

TEST_CASE("Spool: a damaged record costs that record and is declared", "[agent][spool]") {
  SpoolBench world;
  world.open();
  world.append("a");
  world.append("b");
  world.append("c");
  std::string* segment = world.files.contents(world.newest_segment());
  const auto scan = scan_segment(bytes_of(*segment), 1);
  SECTION("in its payload") {
    (*segment)[scan.records[1].offset + 3] ^= 1;
    world.open();
    const SpooledBatch gap = world.next(2);
    CHECK(gap.first_sequence == 2);
    CHECK(gap.sequence == 2);
    const Batch batch = SpoolBench::decoded(gap);
    REQUIRE(batch.gaps.size() == 1);
    CHECK(batch.gaps[0].reason == "record-damaged");
    CHECK(batch.gaps[0].contacts == 1);
    CHECK(batch.gaps[0].from_sequence == 2);
  }
  SECTION("in its header") {
    (*segment)[scan.records[1].offset - 10] ^= 1;
    world.open();
    CHECK(world.tool_at(2) == "record-damaged");
  }
  SECTION("while the spool is open") {
    CHECK(world.tool_at(2) == "b");
    (*segment)[scan.records[1].offset + 3] ^= 1;
    CHECK(world.tool_at(2) == "record-damaged");
  }
  CHECK(world.tool_at(1) == "a");
  CHECK(world.tool_at(3) == "c");
  CHECK(world.append("d") == 4);
}

TEST_CASE("Spool: sequences lost at the tail are never used again", "[agent][spool]") {
  SpoolBench world;
  world.open();
  world.append("a");
  world.append("b");
  std::string* segment = world.files.contents(world.newest_segment());
  const auto scan = scan_segment(bytes_of(*segment), 1);
  (*segment)[scan.records[1].offset - 10] ^= 1;
  world.open();
  CHECK(world.append("c") == 3);
  CHECK(world.tool_at(2) == "record-damaged");
  world.open();
  CHECK(world.tool_at(2) == "record-damaged");
  CHECK(world.tool_at(3) == "c");
}

TEST_CASE("Spool: a full disk fails the append, and the spool works on when there is room",
          "[agent][spool]") {
  SpoolBench world;
  world.open();
  world.append("a");
  world.files.set_capacity(300);
  CHECK_FALSE(world.spool->append(batch_of("does-not-fit")));
  CHECK(world.tool_at(1) == "a");
  world.files.set_capacity(1 << 20);
  CHECK(world.append("b") == 2);
  world.open();
  CHECK(world.tool_at(2) == "b");
  CHECK(world.counters.value("spool_append_failed_total") == 1);
}

TEST_CASE("Spool: a rewrite that fails at any step gives up nothing that is not counted",
          "[agent][spool][crash]") {
  std::uint64_t failures = 0;
  for (std::uint64_t step = 0; step < 60; ++step) {
    CAPTURE(step);
    SpoolBench world;
    world.options.max_bytes = 4'000;
    world.options.segment_bytes = 300;
    world.open();
    std::uint64_t promised = 0;
    const auto append = [&](int times) {
      for (int i = 0; i < times; ++i) {
        const bool stored = world.spool->append(batch_of("common")).has_value();
        promised += stored ? 1U : 0U;
        failures += stored ? 0U : 1U;
      }
    };
    append(30);  // full, and shedding already
    world.files.fail_after(step);
    append(1);
    world.files.disarm();
    append(40);

    std::uint64_t told = 0;
    for (std::uint64_t at = 1; at <= world.spool->last_sequence();) {
      const SpooledBatch held = world.next(at);
      const Batch batch = SpoolBench::decoded(held);
      told += batch.contacts.size();
      for (const Gap& gap : batch.gaps) {
        told += gap.contacts;
      }
      at = held.sequence + 1;
    }
    CHECK(told == promised);
  }
  CHECK(failures > 0);
}

}  // namespace
}  // namespace gnomon
