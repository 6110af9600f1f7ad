#include <random>
#include <set>
#include <string>

#include "agent/spool/spool.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/spool/spool_bench.h"

namespace gnomon {
namespace {

using testing::batch_of;
using testing::contact_with;
using testing::SpoolBench;
using testing::test_time;

TEST_CASE("Spool: acknowledged batches stay for the retention, then go", "[agent][spool]") {
  SpoolBench world;
  world.options.segment_bytes = 300;
  world.open();
  for (int i = 0; i < 10; ++i) {
    CHECK(world.spool->append(batch_of("tool-" + std::to_string(i))));
    world.clock.advance(std::chrono::hours{1});
  }
  world.spool->acknowledge(10);
  REQUIRE(world.spool->maintain());
  CHECK(world.spool->first_sequence() == 1);
  CHECK(world.tool_at(1) == "tool-0");
  world.clock.advance(world.options.retention + std::chrono::hours{24});
  REQUIRE(world.spool->maintain());
  CHECK(world.spool->first_sequence() > 5);
  CHECK(world.tool_at(1) == "retention-passed");
  CHECK(world.next(1).sequence == world.spool->first_sequence() - 1);
  world.open();
  CHECK(world.spool->acknowledged() == 10);
  CHECK(world.append("next") == 11);
}

TEST_CASE("Spool: a full one gives up acknowledged segments first, then by worth",
          "[agent][spool]") {
  SpoolBench world;
  world.options.max_bytes = 20'000;
  world.options.segment_bytes = 2'000;
  world.open();
  std::mt19937 random{3};
  const auto noisy = [&](const std::string& tool, Role role, Stage stage) {
    Batch batch;
    batch.contacts.push_back(contact_with(tool, role, stage));
    batch.contacts[0].user = "u-" + std::to_string(random());
    batch.contacts[0].user = "u";
    for (int i = 0; i < 4; ++i) {
      batch.contacts[0].evidence.push_back(
          {test_time(), "random " + std::to_string(random()) + std::to_string(random()), "", role});
    }
    batch.sealed = test_time();
    return batch;
  };
  REQUIRE(world.spool->append(noisy("first-sight", Role::app, Stage::visited)));
  std::uint64_t appended = 1;
  for (int i = 0; i < 800; ++i) {
    const bool embed = i % 2 == 0;
    const auto stored = world.spool->append(
        noisy(embed ? "hotjar" : "trello", embed ? Role::embed : Role::app, Stage::visited));
    REQUIRE(stored);
    ++appended;
    REQUIRE(world.spool->bytes() <= world.options.max_bytes);
  }
  // Everything appended is there, or declared.
  std::uint64_t contacts = 0;
  std::uint64_t declared = 0;
  std::set<std::string> tools;
  for (std::uint64_t at = 1; at <= world.spool->last_sequence();) {
    const SpooledBatch spooled = world.next(at);
    const Batch batch = SpoolBench::decoded(spooled);
    CHECK(spooled.first_sequence == at);
    contacts += batch.contacts.size();
    for (const Contact& contact : batch.contacts) {
      tools.insert(contact.tool);
    }
    for (const Gap& gap : batch.gaps) {
      declared += gap.contacts;
      CHECK(gap.reason == "spool-full");
    }
    at = spooled.sequence + 1;
  }
  CHECK(contacts + declared == appended);
  CHECK(contacts > 50);
  CHECK(tools == std::set<std::string>{"first-sight", "hotjar", "trello"});
  CHECK(world.counters.value("spool_shed_contacts_total") == static_cast<std::int64_t>(declared));
}

TEST_CASE("Spool: first sights are never given up: then append says full", "[agent][spool]") {
  SpoolBench world;
  world.options.max_bytes = 6'000;
  world.options.segment_bytes = 1'000;
  world.open();
  std::uint64_t stored = 0;
  for (int i = 0; i < 100; ++i) {
    const auto sequence = world.spool->append(batch_of("tool-" + std::to_string(i)));
    if (!sequence) {
      CHECK(sequence.error().fault == SpoolFault::full);
      break;
    }
    ++stored;
  }
  CHECK(stored > 10);
  CHECK(stored < 100);
  for (std::uint64_t at = 1; at <= stored; ++at) {
    CHECK(world.tool_at(at) == "tool-" + std::to_string(at - 1));
  }
  world.spool->acknowledge(stored);
  CHECK(world.spool->append(batch_of("again")));
}

TEST_CASE("Spool: batches too old are reduced to first sights", "[agent][spool]") {
  SpoolBench world;
  world.options.segment_bytes = 600;
  world.open();
  for (int i = 0; i < 12; ++i) {
    REQUIRE(world.spool->append(batch_of("trello")));
  }
  world.clock.advance(world.options.max_age + std::chrono::hours{2});
  REQUIRE(world.spool->maintain());
  std::uint64_t contacts = 0;
  std::uint64_t declared = 0;
  for (std::uint64_t at = 1; at <= 12;) {
    const SpooledBatch spooled = world.next(at);
    const Batch batch = SpoolBench::decoded(spooled);
    contacts += batch.contacts.size();
    for (const Gap& gap : batch.gaps) {
      CHECK(gap.reason == "spool-expired");
      declared += gap.contacts;
    }
    at = spooled.sequence + 1;
  }
  CHECK(contacts == 1);
  CHECK(declared == 11);
}

}  // namespace
}  // namespace gnomon
