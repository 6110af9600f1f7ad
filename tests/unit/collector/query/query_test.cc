#include "collector/query/query.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/support/company.h"
#include "tests/support/fake_rule_pack.h"

using namespace gnomon;
using testing::at;
using testing::batch_of;
using testing::Company;
using testing::contact;

namespace {

const ToolWeek& tool_of(const WeekAnswer& answer, const std::string& id) {
  const auto found = std::find_if(answer.tools.begin(), answer.tools.end(),
                                  [&](const ToolWeek& week) { return week.tool.id == id; });
  REQUIRE(found != answer.tools.end());
  return *found;
}

constexpr Week kWeek{2026, 47};

}  // namespace

TEST_CASE("Query: a week counts devices once, in the furthest stage of the week", "[collector]") {
  Company company;
  company.live_a_week();
  const Query query{*company.store, nullptr, company.clock};
  const auto answer = query.week(kWeek);
  REQUIRE(answer);
  CHECK_FALSE(answer->complete);
  CHECK_FALSE(answer->first_week);
  CHECK(answer->fresh == at(20, 13));
  REQUIRE(answer->tools.size() == 6);
  CHECK(answer->tools.front().tool.id == "asana");

  const ToolWeek& asana = tool_of(*answer, "asana");
  CHECK(asana.devices == 4);
  CHECK(asana.devices_before == 1);
  CHECK(asana.devices_ever == 4);
  CHECK(asana.in_stage(Stage::active) == 4);
  CHECK_FALSE(asana.is_new);
  CHECK(asana.history == std::array<std::uint32_t, 8>{0, 0, 0, 0, 0, 0, 1, 4});

  const ToolWeek& trello = tool_of(*answer, "trello");
  CHECK(trello.is_new);
  CHECK(trello.in_stage(Stage::active) == 1);
  CHECK(trello.in_stage(Stage::signup_likely) == 0);
  REQUIRE(trello.signup.has_value());
  CHECK(trello.signup->devices == 1);
  CHECK(trello.signup->confidence == 820);
  CHECK(to_string(trello.signup->day) == "2026-11-17");
  CHECK(trello.signup->evidence.size() == 3);
}

TEST_CASE("Query: what only sat on pages or was looked up is nobody's use", "[collector]") {
  Company company;
  company.live_a_week();
  const auto answer = Query{*company.store, nullptr, company.clock}.week(kWeek);
  REQUIRE(answer);
  const ToolWeek& analytics = tool_of(*answer, "google-analytics");
  CHECK(analytics.devices == 0);
  CHECK(analytics.in_stage(Stage::embedded) == 4);
  CHECK_FALSE(analytics.first_used.has_value());
  CHECK(tool_of(*answer, "figma").devices == 0);
  CHECK(tool_of(*answer, "typeform").in_stage(Stage::guest) == 1);
}

TEST_CASE("Query: a sign-up counts in its own week alone", "[collector]") {
  Company company;
  company.met("d1", contact("trello", Role::signup, Stage::signup_likely, at(12)));
  company.met("d1", contact("trello", Role::app, Stage::signup_likely, at(18)));
  const Query query{*company.store, nullptr, company.clock};
  const auto before = query.week(Week{2026, 46});
  const auto after = query.week(kWeek);
  REQUIRE((before && after));
  CHECK(tool_of(*before, "trello").signup.has_value());
  CHECK_FALSE(tool_of(*after, "trello").signup.has_value());
  CHECK(before->first_week);
}

TEST_CASE("Query: hosts that show a tenant are left out of the evidence", "[collector]") {
  Company company;
  Contact one = contact("slack", Role::app, Stage::signup_likely, at(17));
  one.tenant = "secret-project";
  one.evidence = {
      {at(17), "opened the product's own screens", "secret-project.slack.com", Role::app},
      {at(17), "opened its sign-up page", "slack.com", Role::signup}};
  company.met("d1", one);
  const auto answer = Query{*company.store, nullptr, company.clock}.week(kWeek);
  REQUIRE(answer);
  const auto& evidence = tool_of(*answer, "slack").signup->evidence;
  REQUIRE(evidence.size() == 2);
  CHECK(evidence[0].host.empty());
  CHECK(evidence[1].host == "slack.com");
  REQUIRE(tool_of(*answer, "slack").tenants.size() == 1);
  CHECK(tool_of(*answer, "slack").tenants.front().name == "secret-project");
  CHECK(tool_of(*answer, "slack").tenants.front().whose == TenantSeen::Whose::unknown);
}

TEST_CASE("Query: tenants are counted by device, told by owner, and new ones are known",
          "[collector]") {
  Company company;
  const auto in = [&](const char* device, const char* tenant, int day) {
    Contact one = contact("slack", Role::app, Stage::active, at(day));
    one.tenant = tenant;
    company.met(device, one);
  };
  in("d1", "acme", 10);  // the week before
  in("d1", "acme", 17);
  in("d1", "acme", 18);
  in("d2", "acme", 18);
  in("d2", "partner", 19);
  auto pack = std::make_shared<testing::FakeRulePack>();
  pack->set_own_tenant(pack->add_tool("slack"), "acme");
  const Query query{*company.store, pack, company.clock};
  const auto week = query.week(kWeek);
  const auto tool = query.tool("slack", kWeek);
  REQUIRE((week && tool && *tool));
  for (const ToolWeek& of : {tool_of(*week, "slack"), **tool}) {
    REQUIRE(of.tenants.size() == 2);
    CHECK(of.tenants[0].name == "acme");
    CHECK(of.tenants[0].whose == TenantSeen::Whose::own);
    CHECK(of.tenants[0].devices == 2);
    CHECK_FALSE(of.tenants[0].is_new);
    CHECK(of.tenants[1].whose == TenantSeen::Whose::foreign);
    CHECK(of.tenants[1].devices == 1);
    CHECK(of.tenants[1].is_new);
  }
  // In the week a tool comes, nothing about it is newer than the tool.
  CHECK_FALSE(tool_of(*query.week(Week{2026, 46}), "slack").tenants[0].is_new);
}

TEST_CASE("Query: coverage says what could not be seen", "[collector]") {
  Company company;
  company.live_a_week();
  const auto answer = Query{*company.store, nullptr, company.clock}.week(kWeek);
  REQUIRE(answer);
  const Coverage& seen = answer->coverage;
  CHECK(seen.agents_known == 4);
  CHECK(seen.agents_reporting == 1);
  CHECK(seen.agents_silent == 2);  // d2 and d3 were last heard of on Wednesday and Thursday
  CHECK(seen.grown.encrypted_dns == 7);
  REQUIRE(seen.readable.has_value());
  CHECK(*seen.readable == Approx(0.96 * 0.9));
  REQUIRE(seen.gaps.size() == 1);
  CHECK(seen.gaps[0].reason == "spool-full");
  CHECK(seen.gaps[0].contacts == 30);
}

TEST_CASE("Query: an agent that tells of days before it was heard of is known in them",
          "[collector]") {
  Company company;
  Batch late = batch_of({}, at(23));  // received on the Monday after
  late.health = Health{};
  late.health->when = at(18);
  late.health->hellos = 10;
  company.report("d1", late);
  const auto answer = Query{*company.store, nullptr, company.clock}.week(kWeek);
  REQUIRE(answer);
  CHECK(answer->coverage.agents_reporting == 1);
  CHECK(answer->coverage.agents_known == 1);
}

TEST_CASE("Query: agents are told by their ids, with what they declared", "[collector]") {
  Company company;
  company.live_a_week();
  const auto answer = Query{*company.store, nullptr, company.clock}.agents();
  REQUIRE(answer);
  REQUIRE(answer->agents.size() == 4);
  CHECK(answer->agents[0].id == "d1");
  CHECK(answer->agents[0].version == "0.1.0");
  CHECK(answer->agents[0].contacts_lost == 30);
  REQUIRE(answer->agents[0].lost.size() == 1);
  CHECK(answer->agents[0].lost[0].reason == "spool-full");
  CHECK(answer->agents[0].lost[0].contacts == 30);
  CHECK(answer->agents[1].lost.empty());
  CHECK(answer->agents[1].silent);
}

TEST_CASE("Query: one tool alone is told like in its week", "[collector]") {
  Company company;
  company.live_a_week();
  const Query query{*company.store, nullptr, company.clock};
  const auto trello = query.tool("trello", kWeek);
  REQUIRE((trello && trello->has_value()));
  CHECK((*trello)->devices == 1);
  CHECK((*trello)->signup.has_value());
  CHECK_FALSE(query.tool("nobody-met-it", kWeek)->has_value());
  CHECK_FALSE(query.tool("", kWeek)->has_value());
  CHECK(*query.newest_week() == kWeek);
}

TEST_CASE("Query: an empty store gives an empty week, not an error", "[collector]") {
  Company company;
  const Query query{*company.store, nullptr, company.clock};
  const auto answer = query.week(kWeek);
  REQUIRE(answer);
  CHECK(answer->tools.empty());
  CHECK_FALSE(answer->fresh.has_value());
  CHECK_FALSE(answer->coverage.readable.has_value());
  CHECK(*query.newest_week() == query.current_week());
}
