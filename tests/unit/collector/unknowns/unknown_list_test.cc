#include "collector/unknowns/unknown_list.h"

#include "collector/digest/digest.h"
#include "collector/digest/document.h"
#include "tests/support/catch.h"
#include "tests/unit/collector/unknowns/tokens.h"

using namespace gnomon;
using namespace gnomon::testing;

namespace {

const Week kWeek{2026, 47};  // 16 to 22 November

// reveal makes `domain` readable by way of `one`, held by five devices since the 3rd.
void reveal(TokenWorld& world, const TokenId& one, const std::string& domain, int first = 3) {
  for (int i = 0; i < 5; ++i) {
    world.send("d" + std::to_string(i), report(one, first, first + 2));
  }
  REQUIRE(world.unknowns.check());
  REQUIRE(world.tell("d0", domain));
  REQUIRE(world.tell("d1", domain));
}

std::vector<UnknownDomainRow> rows(TokenWorld& world, Week week,
                                   const std::shared_ptr<const RulePack>& pack = small_pack()) {
  const auto answer = UnknownList{*world.company.store, *world.company.store, [&] { return pack; },
                                  world.company.clock}
                          .week(week);
  REQUIRE(answer);
  return answer->rows;
}

}  // namespace

TEST_CASE("UnknownList: devices, newcomers and days are those up to the end of the week",
          "[collector][unknowns]") {
  TokenWorld world;
  reveal(world, token(1), "newtool.example");
  world.send("d5", report(token(1), 17, 18));
  world.send("d6", report(token(1), 18, 19));
  world.send("d7", report(token(1), 23, 24));
  auto of_week = rows(world, kWeek);
  REQUIRE(of_week.size() == 1);
  CHECK(of_week[0].domain == "newtool.example");
  CHECK(of_week[0].devices == 7);
  CHECK(of_week[0].devices_new == 2);
  CHECK(of_week[0].seen);
  CHECK(to_string(of_week[0].first) == "2026-11-03");
  CHECK(to_string(of_week[0].last) == "2026-11-19");
  of_week = rows(world, {2026, 46});
  REQUIRE(of_week.size() == 1);
  CHECK(of_week[0].devices == 5);
  CHECK_FALSE(of_week[0].seen);
  // Before five devices had met it there is nothing to tell.
  CHECK(rows(world, {2026, 44}).empty());
}

TEST_CASE("UnknownList: one device is one, whatever the epochs it told in",
          "[collector][unknowns]") {
  TokenWorld world;
  reveal(world, token(1), "newtool.example");
  RevealRecord next_epoch;
  next_epoch.outcome = RevealOutcome::revealed;
  next_epoch.token = {kQuarter + 1, token(9).token};
  next_epoch.domain = "newtool.example";
  REQUIRE(RevealBook(*world.company.store, world.company.clock).write(next_epoch, 5));
  TokenReport later = report(token(9), 17, 18);
  later.epoch = kQuarter + 1;
  world.send("d0", later);
  world.send("d9", later);
  const auto of_week = rows(world, kWeek);
  REQUIRE(of_week.size() == 1);
  CHECK(of_week[0].devices == 6);
  CHECK(of_week[0].devices_new == 1);
}

TEST_CASE("UnknownList: what the catalogue has learnt is left out", "[collector][unknowns]") {
  TokenWorld world;
  reveal(world, token(1), "newtool.example");
  reveal(world, token(2), "other.example", 4);
  CHECK(rows(world, kWeek).size() == 2);
  const auto left = rows(world, kWeek, small_pack(true));
  REQUIRE(left.size() == 1);
  CHECK(left[0].domain == "other.example");
}

TEST_CASE("Digest: unknown domains are told with respect, and newcomers only as a group",
          "[collector][digest]") {
  WeekAnswer week;
  week.week = kWeek;
  UnknownsAnswer unknowns;
  unknowns.week = kWeek;
  const Day third{20'760};
  unknowns.rows = {{"newtool.example", 9, 2, true, third, third, {}},
                   {"bigger.example", 12, 4, true, third, third, {}},
                   {"quiet.example", 6, 0, false, third, third, {}}};
  const Digest digest = make_digest(week, {}, Calendar::utc(), DigestPolicy{3}, unknowns);
  REQUIRE(digest.outside.size() == 2);
  CHECK(digest.outside[0].key == "newtool.example");
  CHECK(digest.outside[0].text ==
        "newtool.example: 9 devices, first seen 2026-11-03. If it is a tool, \"gnomon rules new "
        "newtool.example\" begins its entry");
  CHECK(digest.outside[1].text.find("4 of them for the first time this week") != std::string::npos);
  const auto back = parse_digest_json(digest_json(digest));
  REQUIRE(back);
  CHECK(*back == digest);
  const std::string text = render_text(make_document(digest));
  CHECK(text.find("Seen outside the catalogue") != std::string::npos);
  // A digest that an earlier version froze has no such section.
  std::string old = digest_json(Digest{});
  const auto begin = old.find("  \"outside_catalogue\"");
  REQUIRE(begin != std::string::npos);
  old.erase(begin, old.find('\n', begin) + 1 - begin);
  CHECK(parse_digest_json(old));
}

TEST_CASE("Digest: many unknown domains are cut, and that is said", "[collector][digest]") {
  WeekAnswer week;
  week.week = kWeek;
  UnknownsAnswer unknowns;
  for (int i = 0; i < 14; ++i) {
    unknowns.rows.push_back({"d" + std::to_string(i) + ".example", 9, 0, true, {}, {}, {}});
  }
  const Digest digest = make_digest(week, {}, Calendar::utc(), DigestPolicy{3}, unknowns);
  REQUIRE(digest.outside.size() == 11);
  CHECK(digest.outside.back().text.starts_with("And 4 more domains"));
}
