#include "collector/digest/digest.h"

#include <algorithm>

#include "collector/digest/digests.h"
#include "tests/support/catch.h"
#include "tests/support/company.h"
#include "tests/support/fake_rule_pack.h"

using namespace gnomon;
using testing::at;
using testing::Company;
using testing::contact;

namespace {

constexpr Week kWeek{2026, 47};

// Desk is a company with the rooms that make digests.
struct Desk {
  Company company;
  Query query{*company.store, nullptr, company.clock};
  Review review{*company.store, company.clock};
  Digests digests{query, review, *company.store, company.clock, DigestPolicy{}};
};

std::vector<std::string> ids(const std::vector<DigestTool>& tools) {
  std::vector<std::string> all;
  for (const DigestTool& tool : tools) {
    all.push_back(tool.id);
  }
  return all;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("Digest: a likely sign-up is called likely, and says why", "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  const auto digest = desk.digests.of(kWeek, false);
  REQUIRE(digest);
  REQUIRE(ids(digest->signups) == Ids{"trello"});
  const DigestTool& trello = digest->signups[0];
  CHECK(trello.words == "somebody probably signed up (confidence 82 %), on Tue 17 Nov");
  CHECK(trello.why == Ids{"visited its public pages (trello.com)",
                          "opened its sign-up page (id.atlassian.com)",
                          "opened the product's own screens (trello.com)"});
  CHECK_FALSE(trello.devices.exact.has_value());
}

TEST_CASE("Digest: others' workspaces are counted and not named", "[collector][digest]") {
  Desk desk;
  auto pack = std::make_shared<testing::FakeRulePack>();
  pack->set_own_tenant(pack->add_tool("slack"), "acme");
  const auto in = [&](const char* device, const char* tenant, int day) {
    Contact one = contact("slack", Role::app, Stage::active, at(day));
    one.tenant = tenant;
    desk.company.met(device, one);
  };
  in("d1", "acme", 10);
  for (const char* device : {"d1", "d2", "d3"}) {
    in(device, "acme", 17);
  }
  in("d1", "secret-partner", 17);
  in("d2", "old-client", 18);
  in("d2", "old-client", 11);
  SECTION("without a word about tenants from the company nothing is said") {
    CHECK(desk.digests.of(kWeek, false)->tenants.empty());
  }
  SECTION("with it, how many are not the company's, and how many of them are new") {
    desk.query.set_pack(pack);
    const auto digest = desk.digests.of(kWeek, false);
    REQUIRE(digest->tenants.size() == 1);
    CHECK(digest->tenants[0].key == "slack");
    CHECK(digest->tenants[0].text ==
          "slack: 2 workspaces that are not the company's, 1 of them for the first time in weeks");
    const std::string json = digest_json(*digest);
    CHECK(json.find("partner") == std::string::npos);
    CHECK(*parse_digest_json(json) == *digest);
  }
}

TEST_CASE("Digest: every tool stands where it belongs", "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  const auto digest = desk.digests.of(kWeek, false);
  REQUIRE(digest);
  CHECK(ids(digest->growing) == Ids{"asana"});
  CHECK(digest->growing[0].words == "4 devices, after 1-2 devices the week before");
  CHECK(ids(digest->in_use) == Ids{"asana", "trello"});
  CHECK(ids(digest->integrations) == Ids{"mailchimp"});
  CHECK(digest->integrations[0].why == Ids{"seen calling: python3"});
  CHECK(ids(digest->opened) == Ids{"typeform"});
  CHECK(ids(digest->fresh_tools) == Ids{"mailchimp"});
  CHECK(digest->embedded_only == 1);
  CHECK(digest->mentioned_only == 1);
  // A tool that only sat on pages is named nowhere at all.
  CHECK(digest_json(*digest).find("google-analytics") == std::string::npos);
  CHECK(digest_json(*digest).find("figma") == std::string::npos);
}

TEST_CASE("Digest: no device and no small number leaves it", "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  const std::string json = digest_json(*desk.digests.of(kWeek, false));
  for (const char* device : {"\"d1\"", "\"d2\"", "\"d3\"", "\"d4\""}) {
    CHECK(json.find(device) == std::string::npos);
  }
  CHECK(json.find("\"devices\": 1") == std::string::npos);
  CHECK(json.find("\"devices\": 2") == std::string::npos);
  CHECK(devices_in_words(2, 3).words == "1-2 devices");
  CHECK(devices_in_words(3, 3).words == "3 devices");
  CHECK(devices_in_words(1, 1).words == "1 device");
  CHECK(devices_in_words(4, 5).words == "fewer than 5 devices");
  CHECK(devices_in_words(0, 3).words == "no device");
}

TEST_CASE("Digest: what we decided and how long it took is told", "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  StandingChange no;
  no.tool = "trello";
  no.standing = Standing::unsanctioned;
  no.reason = "We have Asana for this";
  no.alternative = "asana";
  REQUIRE(desk.review.decide(no));
  const auto digest = desk.digests.of(kWeek, false);
  REQUIRE(digest->decided.size() == 1);
  CHECK(digest->decided[0].text ==
        "trello: now unsanctioned, was new. We have Asana for this. Instead: asana");
  REQUIRE(digest->answers.size() == 2);
  CHECK(digest->answers[0].text == "We answered for 1 tool, half of them within 5 days");
  CHECK(digest->answers[1].text ==
        "2 tools that people work in wait for our answer, the longest for 12 days");
}

TEST_CASE("Digest: trials count their days, and what is retired is reported when it is seen",
          "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  StandingChange trial;
  trial.tool = "asana";
  trial.standing = Standing::trial;
  trial.review_on = first_day(kWeek).plus(16);
  REQUIRE(desk.review.decide(trial));
  StandingChange retired;
  retired.tool = "mailchimp";
  retired.standing = Standing::retired;
  retired.reason = "replaced";
  retired.alternative = "brevo";
  REQUIRE(desk.review.decide(retired));
  const auto digest = desk.digests.of(kWeek, false);
  REQUIRE(digest->trials.size() == 1);
  CHECK(digest->trials[0].words == "10 days left, 4 devices");
  REQUIRE(digest->leaving.size() == 1);
  CHECK(digest->leaving[0].words ==
        "retired, still seen on 1-2 devices, and programs still call it");
}

TEST_CASE("Digest: blind spots are stated, not hidden", "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  const auto digest = desk.digests.of(kWeek, false);
  Ids keys;
  for (const DigestLine& line : digest->blind_spots) {
    keys.push_back(line.key);
  }
  CHECK(keys == Ids{"readable", "encrypted-dns", "ech", "dropped-packets", "silent-agents",
                    "blind-agents", "gap"});
  CHECK(digest->blind_spots[0].text ==
        "We could read the name of 86 % of the connections we saw begin");
  CHECK(digest->blind_spots[6].text == "Declared lost (spool-full): 1 time, 30 contacts");
}

TEST_CASE("Digest: the JSON form is read back as it was written", "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  const auto digest = desk.digests.of(kWeek, false);
  CHECK(parse_digest_json(digest_json(*digest)) == *digest);
  for (const char* text : {"", "{}", "[]", "null", "{\"format\":1,\"week\":\"2026-W47\"}",
                           "{\"format\":2,\"week\":\"2026-W47\"}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_digest_json(text).has_value());
  }
}

TEST_CASE("Digest: once issued it reads the same, whatever arrives later", "[collector][digest]") {
  Desk desk;
  desk.company.live_a_week();
  REQUIRE(desk.digests.of(kWeek, true));
  CHECK(desk.digests.issued()->empty());  // the week is not over
  desk.company.clock.advance(std::chrono::hours{48});
  const auto issued = desk.digests.of(kWeek, true);
  REQUIRE(issued);
  CHECK(issued->complete);
  CHECK(*desk.digests.issued() == std::vector<Week>{kWeek});
  desk.company.met("d9", contact("zoom", Role::app, Stage::active, at(19)));
  CHECK(*desk.digests.of(kWeek, true) == *issued);
}

TEST_CASE("Digest: a week without data is not issued", "[collector][digest]") {
  Desk desk;
  desk.company.clock.advance(std::chrono::hours{48});
  const auto digest = desk.digests.of(kWeek, true);
  REQUIRE(digest);
  CHECK(digest->headline == "Nothing was reported in this week.");
  CHECK(desk.digests.issued()->empty());
}
