#include "collector/store/store.h"

#include <filesystem>
#include <fstream>
#include <future>
#include <map>

#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using testing::at;
using testing::batch_of;
using testing::contact;
using testing::upload;

namespace {

// Opened is a store in a fresh folder, in UTC.
class Opened {
 public:
  Opened() {
    options.directory = directory_.file("store");
    options.calendar = Calendar::utc();
    options.zone = "UTC";
    options.reserve_bytes = 0;
    options.gather = std::chrono::milliseconds{1};
  }

  Store& open() {
    store_.reset();
    auto opened = Store::open(options, clock_, counters);
    REQUIRE(opened);
    store_ = std::move(*opened);
    return *store_;
  }
  void close() { store_.reset(); }

  CommitOutcome commit(Upload one) {
    std::promise<CommitOutcome> outcome;
    store_->submit(std::move(one), [&](CommitOutcome result) { outcome.set_value(result); });
    return outcome.get_future().get();
  }

  StoreOptions options;
  Counters counters;

 private:
  testing::TempDirectory directory_;
  testing::ManualClock clock_;
  std::unique_ptr<Store> store_;
};

Batch some_batch(int day = 17) {
  return batch_of({contact("trello", Role::app, Stage::visited, at(day))}, at(day, 11));
}

// everything is all totals as text of their bytes, to compare two stores.
std::map<std::string, std::string> everything(const Store& store) {
  std::map<std::string, std::string> all;
  const auto snapshot = store.snapshot();
  REQUIRE(snapshot->days(Day{0}, Day{100000}, [&](Day day, auto tool, auto device, const auto& t) {
    all["day " + to_string(day) + " " + std::string{tool} + " " + std::string{device}] = encode(t);
    return true;
  }));
  REQUIRE(snapshot->tools("", [&](auto tool, auto device, const auto& t) {
    all["tool " + std::string{tool} + " " + std::string{device}] = encode(t);
    return true;
  }));
  REQUIRE(snapshot->agents([&](auto agent, const auto& t) {
    all["agent " + std::string{agent}] = encode(t);
    return true;
  }));
  REQUIRE(snapshot->health(Day{0}, Day{100000}, [&](Day day, auto agent, const auto& t) {
    all["health " + to_string(day) + " " + std::string{agent}] = encode(t);
    return true;
  }));
  REQUIRE(snapshot->tokens(8107, [&](const TokenId& token, auto device, const auto& t) {
    all["token " + std::to_string(token.token[0]) + " " + std::string{device}] = encode(t);
    return true;
  }));
  int gaps = 0;
  REQUIRE(snapshot->gaps(Day{0}, Day{100000}, [&](Day day, auto agent, const auto& gap) {
    all["gap " + to_string(day) + std::string{agent} + std::to_string(gaps++)] = encode(gap);
    return true;
  }));
  return all;
}

}  // namespace

TEST_CASE("Store: sequences are judged as the upload's table says", "[collector][store]") {
  Opened test;
  Store& store = test.open();
  const auto with = [&](std::uint64_t epoch, std::uint64_t first, std::uint64_t last) {
    Upload one = upload("d1", epoch, last, some_batch(), at(18));
    one.first_sequence = first;
    return test.commit(std::move(one));
  };
  CHECK(with(5, 2, 2) == CommitOutcome::out_of_order);  // no cursor, a hole before it
  CHECK(with(5, 1, 1) == CommitOutcome::stored);
  CHECK(with(5, 1, 1) == CommitOutcome::repeated);
  CHECK(with(5, 3, 3) == CommitOutcome::out_of_order);
  CHECK(with(5, 1, 2) == CommitOutcome::out_of_order);  // a run that begins before the cursor
  CHECK(with(5, 2, 6) == CommitOutcome::stored);        // a gap record for 2 to 6
  CHECK(with(5, 4, 4) == CommitOutcome::repeated);
  CHECK(with(4, 1, 1) == CommitOutcome::repeated);  // an older spool
  CHECK(with(6, 2, 2) == CommitOutcome::out_of_order);
  CHECK(with(6, 1, 1) == CommitOutcome::stored);
  CHECK(with(6, 3, 2) == CommitOutcome::out_of_order);
  const auto cursor = store.cursor("d1");
  REQUIRE(cursor);
  REQUIRE(cursor->has_value());
  CHECK((*cursor)->epoch == 6);
  CHECK((*cursor)->sequence == 1);
  CHECK(*store.cursor("nobody") == std::nullopt);
  CHECK(test.counters.value("store_uploads_total{outcome=\"stored\"}") == 3);
  CHECK(test.counters.value("store_uploads_total{outcome=\"repeated\"}") == 3);
  CHECK(test.counters.value("store_uploads_total{outcome=\"out-of-order\"}") == 5);
}

TEST_CASE("Store: what cannot be decoded is refused, counted and declared lost",
          "[collector][store]") {
  Opened test;
  Store& store = test.open();
  Upload bad = upload("d1", 1, 1, some_batch(), at(18));
  bad.encoded = "\xff\xff";
  CHECK(test.commit(bad) == CommitOutcome::refused);
  CHECK(test.commit(bad) == CommitOutcome::repeated);
  CHECK(test.commit(upload("d1", 1, 2, some_batch(), at(18))) == CommitOutcome::stored);
  CHECK(test.counters.value("admit_refused_total{reason=\"malformed\"}") == 1);
  std::vector<std::string> reasons;
  REQUIRE(store.snapshot()->gaps(Day{0}, Day{100000}, [&](Day, auto, const Gap& gap) {
    reasons.push_back(gap.reason);
    CHECK(gap.from_sequence == 1);
    return true;
  }));
  CHECK(reasons == std::vector<std::string>{"batch-refused"});
  CHECK(test.counters.value("store_gaps_total{reason=\"batch-refused\"}") == 1);
}

TEST_CASE("Store: totals count what was stored, once", "[collector][store]") {
  Opened test;
  Store& store = test.open();
  Batch batch = batch_of({contact("trello", Role::site, Stage::visited, at(17, 9)),
                          contact("trello", Role::signup, Stage::signup_likely, at(17, 10), 820),
                          contact("asana", Role::embed, Stage::embedded, at(17, 10))},
                         at(17, 11));
  batch.gaps.push_back(Gap{at(16), at(17), "spool-full", 12, 0, 0});
  batch.health = Health{};
  batch.health->when = at(17, 11);
  batch.health->packets = 1000;
  for (int i = 0; i < 3; ++i) {
    test.commit(upload("d1", 1, 1, batch, at(17, 12)));
  }
  CHECK(test.commit(upload("d2", 1, 1, some_batch(18), at(18, 12))) == CommitOutcome::stored);
  // Declared losses are counted once too, and a stranger's reason makes no series of its own.
  CHECK(test.counters.value("store_gaps_total{reason=\"spool-full\"}") == 1);
  CHECK(test.counters.value("store_gap_contacts_total{reason=\"spool-full\"}") == 12);
  Batch odd = some_batch(18);
  odd.gaps.push_back(Gap{at(16), at(17), "because", 3, 0, 0});
  test.commit(upload("d3", 1, 1, odd, at(18, 12)));
  CHECK(test.counters.value("store_gap_contacts_total{reason=\"other\"}") == 3);
  CHECK(test.counters.value("store_gap_contacts_total{reason=\"because\"}") == 0);
  const auto snapshot = store.snapshot();
  int rows = 0;
  REQUIRE(
      snapshot->days(Day{0}, Day{100000}, [&](Day day, auto tool, auto device, const auto& total) {
        ++rows;
        if (tool == "trello" && device == "d1") {
          CHECK(to_string(day) == "2026-11-17");
          CHECK(total.contacts == 2);
          CHECK(total.stage == Stage::signup_likely);
          CHECK(total.confidence == 820);
          CHECK(total.tls == 6);
        }
        return true;
      }));
  CHECK(rows == 4);
  REQUIRE(snapshot->agents([&](auto agent, const AgentTotal& total) {
    if (agent == "d1") {
      CHECK(total.batches == 1);
      CHECK(total.contacts == 3);
      CHECK(total.contacts_lost == 12);
      CHECK(total.last_received == at(17, 12));
      REQUIRE(total.health.has_value());
      CHECK(total.health->packets == 1000);
    }
    return true;
  }));
  int trello_devices = 0;
  REQUIRE(snapshot->tools("trello", [&](auto tool, auto, const auto&) {
    CHECK(tool == "trello");
    ++trello_devices;
    return true;
  }));
  CHECK(trello_devices == 3);
}

TEST_CASE("Store: a snapshot does not move while batches are committed", "[collector][store]") {
  Opened test;
  Store& store = test.open();
  test.commit(upload("d1", 1, 1, some_batch(), at(18)));
  const auto snapshot = store.snapshot();
  test.commit(upload("d1", 1, 2, some_batch(18), at(18)));
  int rows = 0;
  REQUIRE(snapshot->days(Day{0}, Day{100000}, [&](Day, auto, auto, const auto&) {
    ++rows;
    return true;
  }));
  CHECK(rows == 1);
}

TEST_CASE("Store: rebuilding from the batches gives the same totals", "[collector][store]") {
  Opened test;
  Store& store = test.open();
  for (std::uint64_t i = 1; i <= 40; ++i) {
    Batch batch = batch_of({contact(i % 3 == 0 ? "trello" : "asana", static_cast<Role>(i % 12),
                                    static_cast<Stage>(i % 9), at(16 + static_cast<int>(i % 5)))},
                           at(21));
    batch.health = Health{};
    batch.health->when = at(16 + static_cast<int>(i % 5));
    batch.health->packets = (i * 37) % 200;
    batch.gaps.push_back(Gap{at(16), at(17), "spool-full", i, 0, 0});
    Upload one = upload("d" + std::to_string(i % 4), 1, (i - 1) / 4 + 1, batch, at(21));
    if (i % 10 == 0) {
      one.encoded = "not a batch \xff";
    }
    test.commit(std::move(one));
  }
  const auto before = everything(store);
  REQUIRE(before.size() > 20);
  REQUIRE(store.rebuild());
  CHECK(everything(store) == before);
  Store& again = test.open();
  CHECK(everything(again) == before);

  SECTION("and so does opening with another zone and back") {
    test.options.zone = "elsewhere";
    CHECK(everything(test.open()) == before);  // the same calendar under another name
  }
}

TEST_CASE("Store: a second one on the same folder is told so", "[collector][store]") {
  Opened test;
  test.open();
  testing::ManualClock clock;
  const auto second = Store::open(test.options, clock, test.counters);
  REQUIRE_FALSE(second);
  CHECK(second.error().fault == StoreFault::busy);

  SECTION("but it may be read beside the first") {
    CHECK(test.commit(upload("d1", 1, 1, some_batch(), at(18))) == CommitOutcome::stored);
    StoreOptions reading = test.options;
    reading.read_only = true;
    auto reader = Store::open(reading, clock, test.counters);
    REQUIRE(reader);
    CHECK(everything(**reader).size() == 3);
  }
}

TEST_CASE("Store: damage is told from absence, and never opened as an empty store",
          "[collector][store]") {
  Opened test;
  testing::ManualClock clock;
  StoreOptions reading = test.options;
  reading.read_only = true;
  CHECK(Store::open(reading, clock, test.counters).error().fault == StoreFault::absent);

  test.open();
  test.commit(upload("d1", 1, 1, some_batch(), at(18)));
  test.close();
  SECTION("a missing CURRENT") {
    std::filesystem::remove(test.options.directory + "/CURRENT");
  }
  SECTION("a torn MANIFEST") {
    for (const auto& entry : std::filesystem::directory_iterator(test.options.directory)) {
      if (entry.path().filename().string().rfind("MANIFEST", 0) == 0) {
        std::filesystem::resize_file(entry.path(), 20);
      }
    }
  }
  SECTION("a changed byte in the middle of the log") {
    for (const auto& entry : std::filesystem::directory_iterator(test.options.directory)) {
      if (entry.path().extension() == ".log" && entry.file_size() > 100) {
        std::fstream file{entry.path(), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(30);
        file.put('\x55');
      }
    }
  }
  const auto opened = Store::open(test.options, clock, test.counters);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().fault == StoreFault::damaged);
}

TEST_CASE("Store: the sample mark and the zone stay with the folder", "[collector][store]") {
  Opened test;
  test.options.sample = true;
  CHECK(test.open().snapshot()->facts().sample);
  test.options.sample = false;
  Store& again = test.open();
  CHECK(again.snapshot()->facts().sample);
  CHECK(again.snapshot()->facts().zone == "UTC");
}

TEST_CASE("Store: a checkpoint is a store of its own", "[collector][store]") {
  Opened test;
  Store& store = test.open();
  test.commit(upload("d1", 1, 1, some_batch(), at(18)));
  const auto before = everything(store);
  const std::string copy = test.options.directory + "-copy";
  REQUIRE(store.checkpoint(copy));
  test.commit(upload("d1", 1, 2, some_batch(), at(18)));
  testing::ManualClock clock;
  StoreOptions options = test.options;
  options.directory = copy;
  auto restored = Store::open(options, clock, test.counters);
  REQUIRE(restored);
  CHECK(everything(**restored) == before);
  CHECK((**(*restored)->cursor("d1")).sequence == 1);
}

TEST_CASE("Store: uploads over the queue's room are unavailable, and none is forgotten",
          "[collector][store]") {
  Opened test;
  test.options.queue_bytes = 0;
  test.open();
  CHECK(test.commit(upload("d1", 1, 1, some_batch(), at(18))) == CommitOutcome::unavailable);
  CHECK(test.counters.value("store_uploads_total{outcome=\"unavailable\"}") == 1);
}

TEST_CASE("Store: below the reserve nothing is written, and it says so", "[collector][store]") {
  Opened test;
  test.options.reserve_bytes = std::uint64_t{1} << 62;
  Store& store = test.open();
  CHECK(test.commit(upload("d1", 1, 1, some_batch(), at(18))) == CommitOutcome::unavailable);
  CHECK_FALSE(store.state().accepting);
  CHECK(store.state().reason.find("disk is full") != std::string::npos);
  CHECK(test.counters.value("store_accepting") == 0);
  CHECK(*store.cursor("d1") == std::nullopt);
}

TEST_CASE("Store: a token counts a device once, however often it is told, also after a rebuild",
          "[collector][store]") {
  Opened test;
  std::vector<TokenId> told;
  test.options.on_unknowns = [&](const std::vector<TokenId>& tokens) {
    told.insert(told.end(), tokens.begin(), tokens.end());
  };
  Store& store = test.open();
  const TokenId one{8107, UnknownToken{1}};
  const TokenId other{8107, UnknownToken{2}};
  const auto day = [](int november) {
    return static_cast<std::uint32_t>(
        std::chrono::floor<std::chrono::days>(at(november)).time_since_epoch().count());
  };
  std::uint64_t sequence = 0;
  const auto tell = [&](const char* device, const TokenId& token, int first, int last) {
    Batch batch = batch_of({}, at(20));
    batch.unknowns = {{token.token, token.epoch, day(first), day(last)}};
    return upload(device, 1, ++sequence, batch, at(20, 12));
  };
  const Upload first = tell("d1", one, 16, 17);
  CHECK(test.commit(first) == CommitOutcome::stored);
  CHECK(test.commit(first) == CommitOutcome::repeated);
  CHECK(test.commit(tell("d1", one, 16, 19)) == CommitOutcome::stored);
  CHECK(test.commit(tell("d1", other, 18, 18)) == CommitOutcome::stored);
  sequence = 0;
  CHECK(test.commit(tell("d2", one, 17, 18)) == CommitOutcome::stored);
  CHECK(told == std::vector<TokenId>{one, one, other, one});

  std::map<std::string, TokenDevice> holders;
  REQUIRE(store.snapshot()->token(one, [&](const TokenId& token, auto device, const auto& total) {
    CHECK(token == one);
    holders[std::string{device}] = total;
    return true;
  }));
  CHECK(holders ==
        std::map<std::string, TokenDevice>{{"d1", {day(16), day(19)}}, {"d2", {day(17), day(18)}}});
  const auto before = everything(store);
  CHECK(std::count_if(before.begin(), before.end(),
                      [](const auto& entry) { return entry.first.starts_with("token "); }) == 3);
  REQUIRE(store.rebuild());
  CHECK(everything(store) == before);
}
