#include "collector/admit/admit.h"

#include "tests/support/catch.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using namespace std::chrono_literals;
using testing::at;
using testing::batch_of;
using testing::contact;
using testing::upload;

namespace {

Admitted admitted(const Upload& one) {
  const Admit admit{AdmitLimits{}};
  auto result = admit.admit(one);
  REQUIRE(result);
  return *result;
}

}  // namespace

TEST_CASE("Admit: times of a clock that is right are left alone", "[collector]") {
  const Batch batch = batch_of({contact("trello", Role::app, Stage::visited, at(17))}, at(17, 11));
  const Admitted result = admitted(upload("a", 1, 1, batch, at(18)));
  CHECK(result.batch == batch);
  CHECK(result.clock_ahead == 0ns);
  CHECK(result.received == at(18));
}

TEST_CASE("Admit: a clock that runs ahead is set right by its distance to the receipt",
          "[collector]") {
  // Sealed "tomorrow at noon", received today at noon.
  const Batch batch =
      batch_of({contact("trello", Role::app, Stage::visited, at(18, 10))}, at(18, 12));
  const Admitted result = admitted(upload("a", 1, 1, batch, at(17, 12)));
  CHECK(result.clock_ahead == 24h);
  CHECK(result.batch.contacts[0].first == at(17, 10));
  CHECK(result.batch.contacts[0].window_begin == at(17, 10));
}

TEST_CASE("Admit: a clock that lost its battery is set right too", "[collector]") {
  const WallTime epoch{};
  const Batch batch =
      batch_of({contact("trello", Role::app, Stage::visited, epoch + 1h)}, epoch + 2h);
  const Admitted result = admitted(upload("a", 1, 1, batch, at(17, 12)));
  CHECK(result.batch.contacts[0].first == at(17, 11));
  CHECK(result.clock_ahead < 0ns);
}

TEST_CASE("Admit: a laptop that was away for months keeps its dates", "[collector]") {
  const Batch batch = batch_of({contact("trello", Role::app, Stage::visited, at(17) - 24h * 200)},
                               at(17) - 24h * 200);
  const Admitted result = admitted(upload("a", 1, 1, batch, at(17)));
  CHECK(result.batch.contacts[0].first == at(17) - 24h * 200);
}

TEST_CASE("Admit: single times out of all bounds cannot reach another week", "[collector]") {
  Contact wild = contact("trello", Role::app, Stage::visited, at(17));
  wild.first = WallTime::min();
  wild.last = WallTime::max();
  wild.window_begin = WallTime::min();
  wild.window_end = WallTime::max();
  const Admitted result = admitted(upload("a", 1, 1, batch_of({wild}, at(17)), at(17, 12)));
  CHECK(result.batch.contacts[0].first == at(17, 12) - 24h * 400);
  CHECK(result.batch.contacts[0].last == at(17, 12) + 10min);
  CHECK(result.contacts_clamped == 1);
}

TEST_CASE("Admit: seal times at the ends of the clock do not overflow", "[collector]") {
  for (const WallTime sealed : {WallTime::min(), WallTime::max()}) {
    const Batch batch = batch_of({contact("trello", Role::app, Stage::visited,
                                          sealed == WallTime::max() ? sealed - 1h : sealed)},
                                 sealed);
    Batch bounded = batch;
    bounded.contacts[0].last = bounded.contacts[0].first;
    bounded.contacts[0].window_end = bounded.contacts[0].window_begin;
    const Admitted result = admitted(upload("a", 1, 1, bounded, at(17, 12)));
    CHECK(result.batch.contacts[0].first >= at(17, 12) - 24h * 400);
    CHECK(result.batch.contacts[0].first <= at(17, 12) + 10min);
  }
}

TEST_CASE("Admit: days of tokens follow a wrong clock, and a clock a little off moves none",
          "[collector]") {
  const auto day = [](WallTime when) {
    return static_cast<std::uint32_t>(
        std::chrono::floor<std::chrono::days>(when).time_since_epoch().count());
  };
  Batch batch;
  batch.unknowns = {{UnknownToken{1}, 8107, day(at(16)), day(at(17))}};
  batch.sealed = at(17) + 5min;
  auto reports = admitted(upload("a", 1, 1, batch, at(17))).batch.unknowns;
  CHECK(reports.at(0) == batch.unknowns[0]);
  batch.sealed = at(17) + 24h * 30;  // and so were the days
  batch.unknowns[0].first_day += 30;
  batch.unknowns[0].last_day += 30;
  reports = admitted(upload("a", 1, 1, batch, at(17))).batch.unknowns;
  CHECK(reports.at(0).first_day == day(at(16)));
  CHECK(reports.at(0).last_day == day(at(17)));
  // Days that cannot be true become the nearest that can.
  batch.sealed = at(17);
  batch.unknowns[0].first_day = 0;
  batch.unknowns[0].last_day = 106'000;
  reports = admitted(upload("a", 1, 1, batch, at(17))).batch.unknowns;
  CHECK(reports.at(0).first_day == day(at(17) - 24h * 400));
  CHECK(reports.at(0).last_day == day(at(17)));
}

TEST_CASE("Admit: bytes that are no batch are refused with the reason", "[collector]") {
  const Admit admit{AdmitLimits{}};
  Upload bad = upload("a", 1, 1, Batch{}, at(17));
  bad.encoded = "\xff\xff\xff not a batch";
  const auto result = admit.admit(bad);
  REQUIRE_FALSE(result);
  CHECK(result.error() == wire::WireError::malformed);
  bad.encoded.assign(kMaxBatchBytes + 1, 'x');
  CHECK(admit.admit(bad).error() == wire::WireError::over_limit);
}
