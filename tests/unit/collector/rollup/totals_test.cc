#include "collector/rollup/totals.h"

#include <random>

#include "core/file.h"
#include "tests/support/catch.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using testing::at;
using testing::contact;

namespace {

Contact random_contact(std::mt19937& random) {
  const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  Contact made = contact("trello", static_cast<Role>(pick(12)), static_cast<Stage>(pick(9)),
                         at(16 + static_cast<int>(pick(7)), static_cast<int>(pick(24))),
                         static_cast<std::uint16_t>(pick(1001)));
  made.dns = pick(100);
  made.bytes_up = pick(100000);
  made.tenant = pick(2) == 0 ? "" : "team-" + std::to_string(pick(20));
  made.program = pick(2) == 0 ? "" : "program-" + std::to_string(pick(20));
  for (unsigned i = pick(4); i > 0; --i) {
    made.evidence.push_back(
        {made.first, "step " + std::to_string(pick(5)), "trello.com", made.role});
  }
  return made;
}

Health health(std::uint64_t packets, std::uint64_t hellos) {
  Health made;
  made.when = at(17);
  made.packets = packets;
  made.hellos = hellos;
  made.agent_version = "0.1.0";
  made.notes = {"a note"};
  return made;
}

}  // namespace

TEST_CASE("Totals: adding a contact is adding its total", "[collector]") {
  std::mt19937 random{11};  // NOLINT(cert-msc51-cpp): the same contacts every time
  for (int round = 0; round < 200; ++round) {
    DayTotal by_totals;
    DayTotal by_contacts;
    ToolDevice life_by_totals;
    ToolDevice life_by_contacts;
    for (int i = 0; i < 30; ++i) {
      const Contact one = random_contact(random);
      add(by_totals, day_total(one));
      add(by_contacts, one);
      add(life_by_totals, tool_device(one));
      add(life_by_contacts, one);
      REQUIRE(by_contacts == by_totals);
      REQUIRE(life_by_contacts == life_by_totals);
    }
  }
}

TEST_CASE("Totals: adding does not depend on grouping or order", "[collector]") {
  std::mt19937 random{7};  // NOLINT(cert-msc51-cpp): the same contacts every time
  for (int round = 0; round < 200; ++round) {
    const DayTotal a = day_total(random_contact(random));
    const DayTotal b = day_total(random_contact(random));
    const DayTotal c = day_total(random_contact(random));
    DayTotal left = a;
    add(left, b);
    add(left, c);
    DayTotal tail = b;
    add(tail, c);
    DayTotal right = a;
    add(right, tail);
    REQUIRE(left == right);
    DayTotal turned = c;
    add(turned, b);
    add(turned, a);
    REQUIRE(left == turned);
    REQUIRE(decode_day_total(bytes_of(encode(left))) == left);
  }
}

TEST_CASE("Totals: embeds, assets, links and identity providers never make a use", "[collector]") {
  for (const Role role : {Role::embed, Role::asset, Role::link, Role::idp, Role::unknown}) {
    const Contact made = contact("google-analytics", role, Stage::active, at(17));
    CHECK(capped_stage(made) == Stage::embedded);
    CHECK(tool_device(made).first_used == WallTime::max());
    CHECK_FALSE(day_total(made).signup.has_value());
  }
  CHECK(capped_stage(contact("x", Role::content, Stage::active, at(17))) == Stage::guest);
  CHECK(capped_stage(contact("x", Role::app, Stage::active, at(17))) == Stage::active);
  CHECK(capped_stage(contact("x", Role::site, Stage::visited, at(17))) == Stage::visited);
}

TEST_CASE("Totals: the clearest sign-up of a day keeps its evidence", "[collector]") {
  Contact early = contact("trello", Role::site, Stage::signup_likely, at(17, 9), 600);
  Contact clear = contact("trello", Role::signup, Stage::signup_likely, at(17, 10), 820);
  clear.evidence.push_back({at(17, 10), "sign-up page opened", "id.atlassian.com", Role::signup});
  DayTotal total = day_total(early);
  add(total, day_total(clear));
  REQUIRE(total.signup.has_value());
  CHECK(total.signup->confidence == 820);
  REQUIRE(total.signup->evidence.size() == 1);
  CHECK(total.signup->evidence[0].host == "id.atlassian.com");
  ToolDevice life = tool_device(early);
  add(life, tool_device(clear));
  CHECK(life.first_signup == at(17, 9));
}

TEST_CASE("Totals: a list of names keeps the first ones, whatever comes first", "[collector]") {
  DayTotal forward;
  DayTotal backward;
  for (int i = 0; i < 20; ++i) {
    Contact one = contact("slack", Role::app, Stage::active, at(17));
    one.tenant = "t" + std::to_string(10 + i);
    Contact other = one;
    other.tenant = "t" + std::to_string(29 - i);
    add(forward, day_total(one));
    add(backward, day_total(other));
  }
  CHECK(forward.tenants.size() == kMaxDayNames);
  CHECK(forward.tenants == backward.tenants);
  CHECK(forward.tenants.front() == "t10");
}

TEST_CASE("Totals: health counts what was added, also across restarts of the agent",
          "[collector]") {
  HealthDay day = health_day(health(100, 10));
  add(day, health_day(health(250, 30)));  // 150 more
  add(day, health_day(health(40, 5)));    // started anew: 40
  add(day, health_day(health(60, 9)));    // 20 more
  CHECK(day.grown.packets == 210);
  CHECK(day.grown.hellos == 29);
  CHECK(day.reports == 4);

  HealthDay left = health_day(health(100, 10));
  add(left, health_day(health(250, 30)));
  HealthDay right = health_day(health(40, 5));
  add(right, health_day(health(60, 9)));
  add(left, right);
  CHECK(left == day);
  CHECK(decode_health_day(bytes_of(encode(day))) == day);
}

TEST_CASE("Totals: telling a token again changes nothing, in any order", "[collector]") {
  const TokenDevice early{20'760, 20'762};
  const TokenDevice late{20'761, 20'774};
  TokenDevice one;
  add(one, early);
  add(one, late);
  TokenDevice other;
  for (const TokenDevice& again : {late, early, late, early}) {
    add(other, again);
  }
  CHECK(one == TokenDevice{20'760, 20'774});
  CHECK(other == one);
}

TEST_CASE("Totals: every proper prefix and every longer form of the bytes is refused",
          "[collector]") {
  AgentTotal agent;
  agent.health = health(5, 3);
  agent.batches = 9;
  const Contact made = contact("trello", Role::app, Stage::signup_likely, at(17));
  const auto check = [](const std::string& whole, auto decode) {
    CHECK(decode(bytes_of(whole)).has_value());
    CHECK_FALSE(decode(bytes_of(whole + "x")).has_value());
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      REQUIRE_FALSE(decode(bytes_of(whole).first(size)).has_value());
    }
  };
  check(encode(day_total(made)), decode_day_total);
  check(encode(tool_device(made)), decode_tool_device);
  check(encode(agent), decode_agent_total);
  check(encode(health_day(health(1, 2))), decode_health_day);
  check(encode(Gap{at(16), at(17), "spool-full", 7, 1, 2}), decode_gap);
  check(encode(TokenDevice{20'760, 20'774}), decode_token_device);
  CHECK(decode_agent_total(bytes_of(encode(agent))) == agent);
}
