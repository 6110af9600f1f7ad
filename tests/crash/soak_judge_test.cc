// The soak's judge: what it lets pass and what it finds.

#include <future>
#include <map>

#include "tests/load/soak_verify.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using soak::AgentOracle;
using soak::ContactName;
using soak::Intent;
using testing::at;

namespace {

// Bench is a store with what a test puts into it, and the oracle of one agent, number 3.
class Bench {
 public:
  Bench() {
    StoreOptions options;
    options.directory = directory_.file("store");
    options.calendar = Calendar::utc();
    options.zone = "UTC";
    options.reserve_bytes = 0;
    options.gather = std::chrono::milliseconds{1};
    auto opened = Store::open(options, clock_, counters_);
    REQUIRE(opened);
    store_ = std::move(*opened);
  }

  // store puts a batch there with these contacts of the oracle's batches, and these gaps.
  void store(std::uint64_t sequence, const std::vector<ContactName>& names,
             std::vector<Gap> gaps = {}, std::uint64_t first = 0) {
    std::vector<Contact> contacts;
    for (const ContactName& name : names) {
      contacts.push_back(testing::contact("trello", Role::app, Stage::visited, at(17)));
      contacts.back().tenant = to_string(name);
    }
    Batch batch = testing::batch_of(std::move(contacts), at(17, 11));
    batch.gaps = std::move(gaps);
    Upload upload = testing::upload("d3", 1, sequence, batch, at(17, 12));
    upload.first_sequence = first == 0 ? sequence : first;
    std::promise<CommitOutcome> outcome;
    store_->submit(std::move(upload), [&](CommitOutcome result) { outcome.set_value(result); });
    REQUIRE(outcome.get_future().get() == CommitOutcome::stored);
  }

  void promise(std::uint64_t batch, std::uint32_t contacts, std::uint64_t sequence) {
    oracle[3][batch] = Intent{contacts, true, {1, sequence}};
  }
  void intend(std::uint64_t batch, std::uint32_t contacts) {
    oracle[3][batch] = Intent{contacts, false, {}};
  }

  std::uint64_t faults() {
    const auto verdict = soak::verify(*store_, oracle, {{3, "d3"}});
    REQUIRE(verdict);
    return verdict->faults_found;
  }

  std::map<std::uint32_t, AgentOracle> oracle;

 private:
  testing::TempDirectory directory_;
  testing::ManualClock clock_;
  Counters counters_;
  std::unique_ptr<Store> store_;
};

TEST_CASE("Soak judge: what was promised and stored is sound", "[crash]") {
  Bench bench;
  bench.promise(1, 2, 1);
  bench.promise(2, 1, 2);
  bench.intend(3, 1);
  bench.store(1, {{3, 1, 0}, {3, 1, 1}});
  bench.store(2, {{3, 2, 0}});
  CHECK(bench.faults() == 0);
  // Killed between the spool's word and its own: stored all the same.
  bench.store(3, {{3, 3, 0}});
  CHECK(bench.faults() == 0);
}

TEST_CASE("Soak judge: a promised contact that is missing is found", "[crash]") {
  Bench bench;
  bench.promise(1, 2, 1);
  bench.store(1, {{3, 1, 0}});
  CHECK(bench.faults() > 0);
}

TEST_CASE("Soak judge: a promised batch that never came is found", "[crash]") {
  Bench bench;
  bench.promise(1, 1, 1);
  bench.promise(2, 1, 2);
  bench.store(1, {{3, 1, 0}});
  CHECK(bench.faults() > 0);
}

TEST_CASE("Soak judge: a contact that is there twice is found", "[crash]") {
  Bench bench;
  bench.promise(1, 1, 1);
  bench.store(1, {{3, 1, 0}});
  bench.store(2, {{3, 1, 0}});
  CHECK(bench.faults() > 0);
}

TEST_CASE("Soak judge: a contact that nobody meant to store is found", "[crash]") {
  Bench bench;
  bench.promise(1, 1, 1);
  bench.store(1, {{3, 1, 0}});
  bench.store(2, {{3, 9, 0}});
  CHECK(bench.faults() > 0);
}

TEST_CASE("Soak judge: a gap must count what is missing, no more and no less", "[crash]") {
  for (const std::uint64_t counted : {0U, 1U, 2U, 3U}) {
    CAPTURE(counted);
    Bench bench;
    bench.promise(1, 3, 1);
    bench.store(1, {{3, 1, 2}}, {Gap{at(16), at(17), "spool-full", counted, 0, 0}});
    CHECK((bench.faults() == 0) == (counted == 2));
  }
}

TEST_CASE("Soak judge: a gap without a count must name the sequence", "[crash]") {
  for (const std::uint64_t last : {1U, 2U}) {
    CAPTURE(last);
    Bench bench;
    bench.promise(1, 1, 1);
    bench.promise(2, 1, 2);
    bench.store(2, {}, {Gap{at(16), at(17), "retention-passed", 0, 1, last}}, 1);
    CHECK((bench.faults() == 0) == (last == 2));
  }
}

}  // namespace
