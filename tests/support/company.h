// A small company's week, stored: what the tests of queries, digests and pages look at.

#pragma once

#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collector/store/store.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/support/uploads.h"

namespace gnomon::testing {

// Company is a store in UTC with a clock that stands at Sunday evening of 2026-W47.
class Company {
 public:
  Company() {
    clock.advance(std::chrono::hours{24 * 6 + 12});
    options.directory = directory_.file("store");
    options.calendar = Calendar::utc();
    options.zone = "UTC";
    options.reserve_bytes = 0;
    options.gather = std::chrono::milliseconds{0};
    auto opened = Store::open(options, clock, counters);
    REQUIRE(opened);
    store = std::move(*opened);
  }

  // report stores one batch of `device`, received an hour after it was sealed.
  void report(const std::string& device, Batch batch) {
    std::promise<CommitOutcome> outcome;
    const WallTime received = batch.sealed + std::chrono::hours{1};
    store->submit(upload(device, 1, ++sequences_[device], batch, received),
                  [&](CommitOutcome result) { outcome.set_value(result); });
    REQUIRE(outcome.get_future().get() == CommitOutcome::stored);
  }

  void met(const std::string& device, const Contact& one) {
    report(device, batch_of({one}, one.last + std::chrono::minutes{30}));
  }

  // live_a_week plays 2026-W46 (a little) and 2026-W47.
  void live_a_week() {
    met("d1", contact("asana", Role::app, Stage::visited, at(10)));  // the week before
    Contact signup = contact("trello", Role::signup, Stage::signup_likely, at(17, 9), 820);
    signup.evidence = {{at(17, 9), "visited its public pages", "trello.com", Role::site},
                       {at(17, 9, 1), "opened its sign-up page", "id.atlassian.com", Role::signup},
                       {at(17, 9, 3), "opened the product's own screens", "trello.com", Role::app}};
    met("d1", signup);
    met("d1", contact("trello", Role::app, Stage::active, at(19)));
    for (const char* device : {"d1", "d2", "d3", "d4"}) {
      met(device, contact("asana", Role::app, Stage::active, at(18)));
      met(device, contact("google-analytics", Role::embed, Stage::embedded, at(18)));
    }
    Contact script = contact("mailchimp", Role::api, Stage::integrated, at(18));
    script.program = "python3";
    met("d2", script);
    met("d3", contact("typeform", Role::content, Stage::guest, at(19)));
    met("d4", contact("figma", Role::site, Stage::mentioned, at(20)));
    Batch health = batch_of({}, at(20, 12));
    health.health = Health{};
    health.health->when = at(20, 12);
    health.health->packets = 9000;
    health.health->dropped = 1000;
    health.health->hellos = 100;
    health.health->ech_real = 4;
    health.health->encrypted_dns = 7;
    health.health->agent_version = "0.1.0";
    health.gaps.push_back(Gap{at(18), at(19), "spool-full", 30, 0, 0});
    report("d1", health);
  }

  ManualClock clock;
  Counters counters;
  StoreOptions options;
  std::unique_ptr<Store> store;

 private:
  TempDirectory directory_;
  std::map<std::string, std::uint64_t> sequences_;
};

}  // namespace gnomon::testing
