#include "agent/spool/shed.h"

#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

using testing::contact_with;
using testing::test_time;

Batch mixed_batch() {
  Batch batch;
  batch.contacts = {contact_with("trello"),
                    contact_with("trello"),
                    contact_with("hotjar", Role::embed, Stage::embedded),
                    contact_with("hotjar", Role::embed, Stage::embedded),
                    contact_with("trello", Role::signup, Stage::signup_likely),
                    contact_with("trello", Role::signup, Stage::signup_likely)};
  batch.contacts[0].evidence = {{test_time(), "a reason", "", Role::app}};
  batch.health = Health{};
  batch.sealed = test_time(60);
  return batch;
}

TEST_CASE("Shedding: each level gives up what it states and counts it", "[agent][spool]") {
  SECTION("detail") {
    FirstSights seen;
    Batch batch = mixed_batch();
    CHECK(shed(batch, ShedLevel::detail, kSpoolFull, seen) == 0);
    CHECK(batch.contacts.size() == 6);
    CHECK(batch.contacts[0].evidence.empty());
    CHECK_FALSE(batch.health);
    REQUIRE(batch.gaps.size() == 1);
    CHECK(batch.gaps[0].contacts == 0);
    CHECK(batch.gaps[0].reason == kSpoolFull);
  }
  SECTION("tokens of unknown domains go with what is of low worth") {
    for (const auto& [level, left] :
         {std::pair{ShedLevel::detail, 1U}, std::pair{ShedLevel::low_worth, 0U}}) {
      FirstSights seen;
      Batch batch;
      batch.unknowns.resize(1);
      batch.sealed = test_time(60);
      CHECK(shed(batch, level, kSpoolFull, seen) == 0);
      CHECK(batch.unknowns.size() == left);
      CHECK(batch.gaps.size() == 1 - left);
    }
  }
  SECTION("low worth, but never a first sight") {
    FirstSights seen;
    Batch batch = mixed_batch();
    CHECK(shed(batch, ShedLevel::low_worth, kSpoolFull, seen) == 1);
    CHECK(batch.contacts.size() == 5);
    CHECK(batch.gaps[0].contacts == 1);
    CHECK(batch.gaps[0].from == test_time(0));
    CHECK(batch.gaps[0].to == test_time(60));
  }
  SECTION("all but first sights and first likely sign-ups") {
    FirstSights seen;
    Batch batch = mixed_batch();
    CHECK(shed(batch, ShedLevel::all_but_first_sights, kSpoolFull, seen) == 3);
    REQUIRE(batch.contacts.size() == 3);
    CHECK(batch.contacts[2].stage == Stage::signup_likely);
    Batch second = mixed_batch();
    CHECK(shed(second, ShedLevel::all_but_first_sights, kSpoolFull, seen) == 6);
    CHECK(second.contacts.empty());
    CHECK(wire::fits(second));
  }
}

TEST_CASE("Shedding: two users of one tool are two first sights", "[agent][spool]") {
  FirstSights seen;
  Contact mine = contact_with("trello");
  Contact yours = contact_with("trello");
  mine.user = "u1";
  yours.user = "u2";
  CHECK(seen.is_first(mine));
  CHECK(seen.is_first(yours));
  CHECK_FALSE(seen.is_first(mine));
}

TEST_CASE("Shedding: gaps of one reason become one, and their counts add up", "[agent][spool]") {
  const std::vector<Gap> merged = merge_gaps({{test_time(5), test_time(6), "spool-full", 2, 0, 0},
                                              {test_time(0), test_time(1), "spool-full", 3, 4, 9},
                                              {test_time(0), test_time(1), "other", 1, 0, 0}});
  REQUIRE(merged.size() == 2);
  CHECK(merged[0] == Gap{test_time(0), test_time(6), "spool-full", 5, 4, 9});
}

}  // namespace
}  // namespace gnomon
