#include "collector/review/review.h"

#include "tests/support/catch.h"
#include "tests/support/company.h"

using namespace gnomon;
using testing::Company;

namespace {

StandingChange change(Standing standing) {
  StandingChange made;
  made.tool = "trello";
  made.standing = standing;
  made.by = "martech";
  return made;
}

}  // namespace

TEST_CASE("Review: a no needs a reason and a way out", "[collector][review]") {
  Company company;
  Review review{*company.store, company.clock};
  for (const Standing no : {Standing::unsanctioned, Standing::retiring, Standing::retired}) {
    StandingChange made = change(no);
    CHECK(review.decide(made).error().fault == ReviewFault::needs_reason);
    made.reason = "customer data may not go there";
    CHECK(review.decide(made).error().fault == ReviewFault::needs_way_out);
    made.alternative = "asana";
    CHECK(review.decide(made));
    made.alternative.clear();
    made.review_on = Day{20900};
    CHECK(review.decide(made));
  }
  CHECK(review.decide(change(Standing::trial)).error().fault == ReviewFault::needs_end);
  CHECK(review.decide(change(Standing::sanctioned)));
}

TEST_CASE("Review: every change is recorded, and there is always a way back",
          "[collector][review]") {
  Company company;
  Review review{*company.store, company.clock};
  CHECK(review.go_back("trello", "martech", "").error().fault == ReviewFault::no_way_back);
  CHECK(*review.standing("trello") == std::nullopt);
  StandingChange trial = change(Standing::trial);
  trial.review_on = Day{20800};
  trial.reason = "let's test it";
  REQUIRE(review.decide(trial));
  REQUIRE(review.decide(change(Standing::sanctioned)));
  const auto back = review.go_back("trello", "legal", "");
  REQUIRE(back);
  CHECK(back->change.standing == Standing::trial);
  CHECK(back->change.reason == "let's test it");
  CHECK(back->change.review_on == Day{20800});
  CHECK(back->change.by == "legal");
  CHECK((*review.standing("trello"))->change.standing == Standing::trial);

  const auto record = review.record();
  REQUIRE(record);
  REQUIRE(record->size() == 3);
  CHECK((*record)[0].number == 1);
  CHECK((*record)[0].before == Standing::fresh);
  CHECK((*record)[2].before == Standing::sanctioned);
  CHECK(review.record("asana")->empty());
  CHECK(review.standings()->size() == 1);
}

TEST_CASE("Review: decisions of two threads at once are both recorded", "[collector][review]") {
  Company company;
  Review review{*company.store, company.clock};
  const auto decide = [&] {
    for (int i = 0; i < 20; ++i) {
      REQUIRE(review.decide(change(Standing::in_review)));
    }
  };
  auto other = std::async(std::launch::async, decide);
  decide();
  other.get();
  const auto record = review.record();
  REQUIRE(record->size() == 40);
  CHECK(record->back().number == 40);
}

TEST_CASE("Review: standings survive their text form", "[collector][review]") {
  for (int i = 0; i < 8; ++i) {
    const auto standing = static_cast<Standing>(i);
    CHECK(parse_standing(to_string(standing)) == standing);
  }
  CHECK(to_string(Standing::fresh) == "new");
  CHECK_FALSE(parse_standing("banned").has_value());
}
