// A store on a disk that gives input/output errors for a while: it loses nothing, says so, and goes
// on by itself.

#include <rocksdb/env.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "collector/store/store.h"
#include "core/log.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/failing_rocksdb.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using testing::at;
using testing::DiskFault;
using testing::eventually;

namespace {

// FailingStore is a store whose disk does as `fault` says.
class FailingStore {
 public:
  FailingStore() {
    log::set_level(log::Level::error);
    env_ = testing::failing_env([this] {
      if (fault.load() != DiskFault::none) {
        ++asked_while_failing;
      }
      return fault.load();
    });
    open(env_.get());
  }

  // open_again opens what is there with a disk that is well.
  void open_again() { open(nullptr); }

  CommitOutcome commit(const std::string& agent, std::uint64_t sequence, const Batch& batch) {
    std::promise<CommitOutcome> outcome;
    store->submit(testing::upload(agent, 1, sequence, batch, at(18)),
                  [&](CommitOutcome result) { outcome.set_value(result); });
    return outcome.get_future().get();
  }

  std::uint64_t contacts_counted() const {
    std::uint64_t sum = 0;
    REQUIRE(store->snapshot()->days(Day{0}, Day{100000}, [&](Day, auto, auto, const auto& total) {
      sum += total.contacts;
      return true;
    }));
    return sum;
  }

 private:
  testing::TempDirectory directory_;
  testing::ManualClock clock_;
  std::unique_ptr<rocksdb::Env> env_;

 public:
  std::atomic<DiskFault> fault{DiskFault::none};
  std::atomic<int> asked_while_failing{0};
  Counters counters;
  std::unique_ptr<Store> store;  // last: it uses all the others

 private:
  void open(rocksdb::Env* env) {
    store.reset();
    StoreOptions options;
    options.directory = directory_.file("store");
    options.calendar = Calendar::utc();
    options.zone = "UTC";
    options.reserve_bytes = 0;
    options.gather = std::chrono::milliseconds{1};
    options.probe_pause = std::chrono::milliseconds{5};
    options.env = env;
    auto opened = Store::open(options, clock_, counters);
    REQUIRE(opened);
    store = std::move(*opened);
  }
};

Batch one_contact() {
  return testing::batch_of({testing::contact("trello", Role::app, Stage::visited, at(17))},
                           at(17, 11));
}

// send_all sends batches 1 to `last` of one agent as an agent would: what is unavailable again, and
// what comes after a hole once the hole is filled. Yields how many were called stored.
std::uint64_t send_all(FailingStore& test, const std::string& agent, std::uint64_t last) {
  std::uint64_t stored = 0;
  for (std::uint64_t sequence = 1; sequence <= last;) {
    const CommitOutcome outcome = test.commit(agent, sequence, one_contact());
    if (outcome == CommitOutcome::stored || outcome == CommitOutcome::repeated) {
      stored += outcome == CommitOutcome::stored ? 1U : 0U;
      ++sequence;
    } else if (outcome == CommitOutcome::out_of_order) {
      const auto cursor = test.store->cursor(agent);
      sequence = cursor && cursor->has_value() ? (*cursor)->sequence + 1 : 1;
    } else {
      std::this_thread::yield();
    }
  }
  return stored;
}

}  // namespace

TEST_CASE("Store: on a failing disk it stops acknowledging, says so, and goes on by itself",
          "[collector][store][crash]") {
  const DiskFault kind = GENERATE(DiskFault::syncs, DiskFault::writes);
  // Nothing in memory yet, or much: RocksDB takes different ways back.
  const std::uint64_t before = GENERATE(std::uint64_t{0}, std::uint64_t{50});
  FailingStore test;
  for (std::uint64_t sequence = 1; sequence <= before; ++sequence) {
    REQUIRE(test.commit("d1", sequence, one_contact()) == CommitOutcome::stored);
  }
  Batch losing = one_contact();
  losing.gaps.push_back(Gap{at(16), at(17), "spool-full", 7, 0, 0});

  test.fault = kind;
  CHECK(test.commit("d1", before + 1, losing) == CommitOutcome::unavailable);
  CHECK_FALSE(test.store->state().accepting);
  CHECK(test.store->state().reason.find("Input/output error") != std::string::npos);
  CHECK(test.counters.value("store_accepting") == 0);
  // What is stored can be read, and nothing of the failed commit counts.
  CHECK(test.contacts_counted() == before);
  CHECK(test.counters.value("store_contacts_total") == static_cast<std::int64_t>(before));
  CHECK(test.counters.value("store_gaps_total{reason=\"spool-full\"}") == 0);
  // As long as it fails it is asked again and again, and takes nothing.
  const int asked = test.asked_while_failing;
  REQUIRE(eventually([&] { return test.asked_while_failing > asked + 3; }));
  CHECK(test.commit("d1", before + 1, losing) == CommitOutcome::unavailable);
  CHECK(test.commit("d2", 1, losing) == CommitOutcome::unavailable);
  CHECK_FALSE(test.store->state().accepting);

  test.fault = DiskFault::none;
  REQUIRE(eventually([&] { return test.store->state().accepting; }));
  CHECK(test.store->state().reason.empty());
  CHECK(test.counters.value("store_accepting") == 1);
  // What was written and not synced may have come to light.
  const CommitOutcome again = test.commit("d1", before + 1, losing);
  CHECK((again == CommitOutcome::stored || again == CommitOutcome::repeated));
  CHECK(test.commit("d1", before + 2, one_contact()) == CommitOutcome::stored);
  CHECK(test.contacts_counted() == before + 2);
  CHECK(test.counters.value("store_gaps_total{reason=\"spool-full\"}") ==
        (again == CommitOutcome::stored ? 1 : 0));

  test.open_again();
  CHECK(test.contacts_counted() == before + 2);
  CHECK((**test.store->cursor("d1")).sequence == before + 2);
}

TEST_CASE("Store: on a disk that fails again and again everything is stored once, in order",
          "[collector][store][crash]") {
  constexpr std::uint64_t kBatches = 150;
  constexpr int kAgents = 4;
  constexpr int kFaults = 12;
  FailingStore test;
  std::vector<std::thread> agents;
  std::atomic<int> busy{kAgents};
  std::array<std::uint64_t, kAgents> stored{};
  for (int i = 0; i < kAgents; ++i) {
    agents.emplace_back([&, i] {
      stored.at(static_cast<std::size_t>(i)) = send_all(test, "d" + std::to_string(i), kBatches);
      --busy;
    });
  }
  std::mt19937 random{5};  // NOLINT(cert-msc51-cpp): the same faults every time
  for (int i = 0; i < kFaults && busy > 0; ++i) {
    const auto commits = test.counters.value("store_commits_total");
    static_cast<void>(eventually(
        [&] { return busy == 0 || test.counters.value("store_commits_total") > commits + 3; }));
    test.fault = random() % 2 == 0 ? DiskFault::syncs : DiskFault::writes;
    static_cast<void>(eventually([&] { return busy == 0 || !test.store->state().accepting; }));
    test.fault = DiskFault::none;
  }
  for (std::thread& agent : agents) {
    agent.join();
  }
  CHECK(test.contacts_counted() == kAgents * kBatches);
  std::uint64_t acknowledged = 0;
  for (const std::uint64_t one : stored) {
    acknowledged += one;
  }
  // Counted when it was called stored, neither earlier nor twice.
  CHECK(test.counters.value("store_contacts_total") == static_cast<std::int64_t>(acknowledged));
  test.open_again();
  CHECK(test.contacts_counted() == kAgents * kBatches);
  std::map<std::string, std::uint64_t> next;
  REQUIRE(test.store->visit_batches([&](const Upload& upload, bool refused) {
    CHECK_FALSE(refused);
    CHECK(upload.id.sequence == ++next[upload.id.agent]);
    return true;
  }));
  REQUIRE(test.store->rebuild());
  CHECK(test.contacts_counted() == kAgents * kBatches);
}

TEST_CASE("Store: whoever reads keeps it from being opened anew, and not for longer",
          "[collector][store][crash]") {
  FailingStore test;
  REQUIRE(test.commit("d1", 1, one_contact()) == CommitOutcome::stored);
  auto reading = test.store->snapshot();
  test.fault = DiskFault::writes;
  CHECK(test.commit("d1", 2, one_contact()) == CommitOutcome::unavailable);
  test.fault = DiskFault::none;
  int rows = 0;
  REQUIRE(reading->days(Day{0}, Day{100000}, [&](Day, auto, auto, const auto&) {
    ++rows;
    return true;
  }));
  CHECK(rows == 1);
  reading.reset();
  REQUIRE(eventually([&] { return test.store->state().accepting; }));
  CHECK(test.commit("d1", 2, one_contact()) == CommitOutcome::stored);
}
