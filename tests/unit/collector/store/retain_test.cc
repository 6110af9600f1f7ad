// What leaves the store for its age, and what has to stay.

#include <atomic>
#include <future>
#include <map>
#include <set>

#include "collector/store/store.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using testing::at;

namespace {

// The manual clock stands on Monday, 16 November 2026, 08:00 UTC.
WallTime days_ago(int days) {
  return at(16, 7) - std::chrono::hours{24 * days};
}

// Aging is a store whose batches came at times of the test's choice.
class Aging {
 public:
  Aging() { open(); }

  Store& open() {
    store_.reset();
    StoreOptions options;
    options.directory = directory_.file("store");
    options.calendar = Calendar::utc();
    options.zone = "UTC";
    options.reserve_bytes = 0;
    options.gather = std::chrono::milliseconds{1};
    auto opened = Store::open(options, clock, counters);
    REQUIRE(opened);
    store_ = std::move(*opened);
    return *store_;
  }

  CommitOutcome commit(const std::string& agent, std::uint64_t sequence, const std::string& tool,
                       int received_days_ago, int contact_days_ago) {
    Batch batch = testing::batch_of(
        {testing::contact(tool, Role::app, Stage::visited, days_ago(contact_days_ago))},
        days_ago(received_days_ago));
    batch.health = Health{};
    batch.health->when = days_ago(contact_days_ago);
    batch.gaps.push_back(
        Gap{days_ago(contact_days_ago), days_ago(contact_days_ago), "spool-full", sequence, 0, 0});
    std::promise<CommitOutcome> outcome;
    store_->submit(testing::upload(agent, 1, sequence, batch, days_ago(received_days_ago)),
                   [&](CommitOutcome result) { outcome.set_value(result); });
    return outcome.get_future().get();
  }
  void store(const std::string& agent, std::uint64_t sequence, const std::string& tool,
             int received, int contact) {
    REQUIRE(commit(agent, sequence, tool, received, contact) == CommitOutcome::stored);
  }

  Retained retain(std::uint32_t days) {
    const auto kept = store_->retain(days);
    REQUIRE(kept);
    return *kept;
  }

  std::set<std::uint64_t> batches_of(const std::string& agent) const {
    std::set<std::uint64_t> found;
    REQUIRE(store_->visit_batches([&](const Upload& upload, bool refused) {
      CHECK_FALSE(refused);
      if (upload.id.agent == agent) {
        found.insert(upload.id.sequence);
      }
      return true;
    }));
    return found;
  }

  // totals is everything that answers are made of, as text of its bytes.
  std::map<std::string, std::string> totals() const {
    std::map<std::string, std::string> all;
    const auto snapshot = store_->snapshot();
    REQUIRE(
        snapshot->days(Day{0}, Day{100000}, [&](Day day, auto tool, auto device, const auto& t) {
          all["day " + to_string(day) + std::string{tool} + std::string{device}] = encode(t);
          return true;
        }));
    REQUIRE(snapshot->tools("", [&](auto tool, auto device, const auto& t) {
      all["tool " + std::string{tool} + std::string{device}] = encode(t);
      return true;
    }));
    REQUIRE(snapshot->agents([&](auto agent, const auto& t) {
      all["agent " + std::string{agent}] = encode(t);
      return true;
    }));
    REQUIRE(snapshot->health(Day{0}, Day{100000}, [&](Day day, auto agent, const auto& t) {
      all["health " + to_string(day) + std::string{agent}] = encode(t);
      return true;
    }));
    REQUIRE(snapshot->gaps(Day{0}, Day{100000}, [&](Day day, auto agent, const Gap& gap) {
      all["gap " + to_string(day) + std::string{agent} + std::to_string(gap.contacts)] =
          encode(gap);
      return true;
    }));
    return all;
  }

  Store& get() { return *store_; }

  testing::ManualClock clock;
  Counters counters;

 private:
  testing::TempDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_CASE("Retention: what is older leaves, and what a tool's life began with stays",
          "[collector][store]") {
  Aging test;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    test.store("d1", i, i == 1 ? "oldest" : "trello", 101 - 2 * static_cast<int>(i),
               101 - 2 * static_cast<int>(i));
  }
  test.store("d2", 1, "asana", 1, 1);
  const auto before = test.totals();
  const Retained gone = test.retain(40);
  // The horizon lies 40 days before the newest receipt, which was yesterday.
  CHECK(gone.batches == 29);
  CHECK(gone.totals == 3 * 29);
  CHECK(test.counters.value("store_retired_batches_total") == 29);
  CHECK(test.counters.value("store_retired_totals_total") == 87);
  CHECK(test.batches_of("d1").size() == 21);
  CHECK(*test.batches_of("d1").begin() == 30);
  CHECK(test.batches_of("d2").size() == 1);

  const auto after = test.totals();
  CHECK(after.at("tool oldestd1") == before.at("tool oldestd1"));
  CHECK(after.at("agent d1") == before.at("agent d1"));
  CHECK(after.size() == before.size() - 87);
  for (const auto& [key, total] : after) {
    CHECK(before.at(key) == total);
  }

  SECTION("totals made anew are the same, again and again") {
    REQUIRE(test.get().rebuild());
    CHECK(test.totals() == after);
    test.open();
    CHECK(test.totals() == after);
  }
  SECTION("a second call finds nothing, a later one goes on from there") {
    CHECK(test.retain(40).batches == 0);
    test.store("d2", 2, "asana", 0, 0);
    CHECK(test.retain(31).batches == 5);
    REQUIRE(test.get().rebuild());
    CHECK(test.totals().at("agent d1") == before.at("agent d1"));
    CHECK(test.totals().at("tool oldestd1") == before.at("tool oldestd1"));
  }
  SECTION("what has left is still a repeat, and the agent goes on") {
    CHECK(test.commit("d1", 1, "oldest", 0, 0) == CommitOutcome::repeated);
    CHECK(test.commit("d1", 50, "trello", 0, 0) == CommitOutcome::repeated);
    CHECK(test.commit("d1", 51, "trello", 0, 0) == CommitOutcome::stored);
  }
}

TEST_CASE("Retention: a batch that came late speaks of days that have left, until the next night",
          "[collector][store]") {
  Aging test;
  test.store("d1", 1, "trello", 60, 60);
  test.store("d2", 1, "asana", 0, 0);
  CHECK(test.retain(40).batches == 1);
  test.store("d3", 1, "late", 0, 70);
  const auto with_late = test.totals();
  CHECK(with_late.count("tool lated3") == 1);
  REQUIRE(test.get().rebuild());
  const auto rebuilt = test.totals();
  CHECK(rebuilt.count("tool lated3") == 1);       // its life is remembered
  CHECK(rebuilt.size() == with_late.size() - 2);  // its day and that day's health are not
  CHECK(test.batches_of("d3").size() == 1);
}

TEST_CASE("Retention: many batches of one agent leave in several steps", "[collector][store]") {
  Aging test;
  constexpr std::uint64_t kBatches = 2300;
  std::atomic<std::uint64_t> stored{0};
  std::atomic<std::uint64_t> answered{0};
  std::promise<void> all;
  for (std::uint64_t i = 1; i <= kBatches; ++i) {
    const auto batch =
        testing::batch_of({testing::contact("tool-" + std::to_string(i % 7), Role::app,
                                            Stage::visited, days_ago(90))},
                          days_ago(90));
    test.get().submit(testing::upload("d1", 1, i, batch, days_ago(90)), [&](CommitOutcome result) {
      stored += result == CommitOutcome::stored ? 1U : 0U;
      if (++answered == kBatches) {
        all.set_value();
      }
    });
  }
  all.get_future().wait();
  REQUIRE(stored == kBatches);
  test.store("d2", 1, "asana", 0, 0);
  const auto agent = test.totals().at("agent d1");
  CHECK(test.retain(40).batches == kBatches);
  CHECK(test.batches_of("d1").empty());
  REQUIRE(test.get().rebuild());
  CHECK(test.totals().at("agent d1") == agent);
}

TEST_CASE("Retention: neither a clock that jumps ahead nor silence empties a store",
          "[collector][store]") {
  Aging test;
  test.store("d1", 1, "trello", 20, 20);
  test.store("d1", 2, "trello", 2, 2);
  test.clock.jump(std::chrono::hours{24 * 3650});
  CHECK(test.retain(31).batches == 0);
  CHECK(test.batches_of("d1").size() == 2);
}

TEST_CASE("Retention: 0 keeps all, and an empty store has nothing to let go",
          "[collector][store]") {
  Aging test;
  CHECK(test.retain(31).batches == 0);
  test.store("d1", 1, "trello", 300, 300);
  test.store("d1", 2, "trello", 0, 0);
  CHECK(test.retain(0).batches == 0);
  CHECK(test.batches_of("d1").size() == 2);
}

}  // namespace

TEST_CASE("Retention: tokens leave with their quarter, also in a rebuild", "[collector][store]") {
  Aging test;
  const auto tell = [&](std::uint64_t sequence, int days) {
    Batch batch;
    batch.sealed = days_ago(days);
    const auto day = static_cast<std::uint32_t>(
        std::chrono::floor<std::chrono::days>(days_ago(days)).time_since_epoch().count());
    batch.unknowns = {{UnknownToken{1}, epoch_at(days_ago(days)), day, day}};
    std::promise<CommitOutcome> outcome;
    test.get().submit(testing::upload("d1", 1, sequence, batch, days_ago(days)),
                      [&](CommitOutcome result) { outcome.set_value(result); });
    REQUIRE(outcome.get_future().get() == CommitOutcome::stored);
  };
  tell(1, 200);  // in the second quarter
  tell(2, 60);   // in the third, which the horizon cuts
  tell(3, 1);
  const auto epochs = [&] {
    std::vector<std::uint32_t> held;
    for (std::uint32_t epoch = 2026 * 4; epoch < 2027 * 4; ++epoch) {
      REQUIRE(test.get().snapshot()->tokens(epoch, [&](const TokenId& token, auto, const auto&) {
        held.push_back(token.epoch);
        return true;
      }));
    }
    return held;
  };
  CHECK(epochs() == std::vector<std::uint32_t>{8105, 8106, 8107});
  test.retain(70);
  CHECK(epochs() == std::vector<std::uint32_t>{8106, 8107});
  REQUIRE(test.get().rebuild());
  CHECK(epochs() == std::vector<std::uint32_t>{8106, 8107});
}
