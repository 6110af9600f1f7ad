#include "collector/enrol/policy_book.h"

#include "collector/enrol/policy_commands.h"
#include "tests/support/catch.h"
#include "tests/support/fake_meta_store.h"
#include "tests/support/manual_clock.h"

namespace gnomon {
namespace {

using testing::FakeMetaStore;
using testing::ManualClock;

TEST_CASE("PolicyBook: a change is kept, recorded and told", "[collector][policy]") {
  FakeMetaStore store;
  ManualClock clock;
  PolicyBook book{store, clock};
  std::vector<std::uint32_t> told;
  book.on_set([&](const Policy& policy) { told.push_back(policy.version); });
  CHECK_FALSE(*book.policy());
  const auto set = book.set({{"collect-users", "no"}, {"window-minutes", "60"}}, "uid 0", "agreed");
  REQUIRE(set);
  CHECK(set->collect_users == false);
  CHECK(set->window_minutes == 60);
  CHECK(PolicyBook(store, clock).policy()->value() == *set);
  CHECK(told == std::vector<std::uint32_t>{set->version});
  const auto history = book.history();
  REQUIRE(history);
  REQUIRE(history->size() == 1);
  CHECK(history->front().by == "uid 0");
  CHECK(history->front().reason == "agreed");
  CHECK(history->front().change == "collect-users: default -> no, window-minutes: default -> 60");
}

TEST_CASE("PolicyBook: versions rise, also when the clock does not and after a backup",
          "[collector][policy]") {
  FakeMetaStore store;
  ManualClock clock;
  PolicyBook book{store, clock};
  const auto first = book.set({{"collect-users", "no"}}, "", "");
  const auto second = book.set({{"collect-users", "yes"}}, "", "");
  REQUIRE(first);
  REQUIRE(second);
  CHECK(second->version == first->version + 1);
  // A store restored from before the second: what is set next is newer than what agents have.
  FakeMetaStore restored;
  clock.advance(std::chrono::hours{1});
  const auto third = PolicyBook(restored, clock).set({{"collect-evidence", "no"}}, "", "");
  REQUIRE(third);
  CHECK(third->version > second->version);
}

TEST_CASE("PolicyBook: what is wrong changes nothing", "[collector][policy]") {
  FakeMetaStore store;
  ManualClock clock;
  PolicyBook book{store, clock};
  const auto fault = [&](const char* key, const char* value) {
    const auto set = book.set({{"collect-users", "no"}, {key, value}}, "", "");
    return set ? std::string{} : set.error();
  };
  CHECK(fault("collect-programs", "perhaps") ==
        "collect-programs: expected yes, no or default, not 'perhaps'");
  CHECK(
      fault("window-minutes", "0").starts_with("window-minutes: expected a number from 1 to 1440"));
  CHECK(fault("spool-days", "7x").starts_with("spool-days: expected a number from 1 to 366"));
  CHECK(fault("colour", "red").starts_with("there is no key 'colour'"));
  CHECK_FALSE(*book.policy());
  CHECK(book.history()->empty());
  REQUIRE(book.set({{"collect-users", "no"}}, "", ""));
  CHECK_FALSE(book.set({{"collect-users", "no"}}, "", ""));
  store.set_broken(true);
  CHECK_FALSE(book.set({{"collect-users", "yes"}}, "", ""));
}

TEST_CASE("Policy commands: who asks is taken from the socket, not from the request",
          "[collector][policy]") {
  FakeMetaStore store;
  ManualClock clock;
  PolicyBook book{store, clock};
  const AdminHandler handler = policy_commands(book, {});
  CHECK_FALSE(handler({"policy set", {{kPeerArgument, "uid 7"}}}).error.empty());
  const auto set = handler({"policy set", {{"collect-users", "no"}, {kPeerArgument, "uid 7"}}});
  REQUIRE(set.error.empty());
  REQUIRE(set.rows.size() == 1);
  const auto history = handler({"policy history", {}});
  REQUIRE(history.rows.size() == 1);
  CHECK(history.rows[0][2] == wire::Field{"by", "uid 7"});
  CHECK(handler({"policy show", {}}).rows == set.rows);
  CHECK(handler({"policy sing", {}}).error == "there is no command 'policy sing'");
}

}  // namespace
}  // namespace gnomon
