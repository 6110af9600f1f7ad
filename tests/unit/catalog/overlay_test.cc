#include "core/catalog/overlay.h"

#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"

using gnomon::HostMatch;
using gnomon::Meaning;
using gnomon::OverlayPack;
using gnomon::PackKind;
using gnomon::Role;
using gnomon::TenantOwner;
using gnomon::testing::PackBuilder;

namespace {

PackBuilder catalogue() {
  PackBuilder builder;
  builder.tool("slack");
  builder.tool("trello");
  builder.content().providers.push_back({"okta", "Okta", gnomon::AccountKind::work});
  builder.rule("{tenant}.slack.com", Meaning::tool, 0);
  builder.rule("trello.com", Meaning::tool, 1);
  builder.rule(".trello.com", Meaning::tool, 1, Role::site);
  builder.rule("{tenant}.okta.com", Meaning::idp, 0, Role::idp).provider = 0;
  builder.content().weights = {{"bias", -6.0}, {"captcha", 0.7}};
  return builder;
}

std::shared_ptr<const gnomon::RulePack> layered(const PackBuilder& over) {
  const auto overlay = OverlayPack::from_bytes(over.bytes(PackKind::overlay), over.trusted());
  REQUIRE(overlay);
  return with_overlay(catalogue().pack(), *overlay);
}

}  // namespace

TEST_CASE("Overlay: own tools follow the catalogue's and are matched", "[core][catalog]") {
  PackBuilder over;
  over.tool("intranet");
  over.rule(".corp.example", Meaning::tool, 0, Role::app);
  const auto pack = layered(over);
  CHECK(pack->tool_count() == 3);
  const HostMatch match = pack->match("wiki.corp.example");
  REQUIRE(match.meaning == Meaning::tool);
  CHECK(pack->tool(match.tool).id == "intranet");
  CHECK(pack->rule_text(match.rule) == ".corp.example");
  CHECK(*pack->find_tool("intranet") == match.tool);
  CHECK(pack->tool(pack->match("trello.com").tool).id == "trello");
}

TEST_CASE("Overlay: a correction wins over the same pattern", "[core][catalog]") {
  PackBuilder over;
  over.tool("trello", gnomon::kToolOfBase);
  over.rule("trello.com", Meaning::tool, 0, Role::site);
  over.rule(".trello.com", Meaning::denied);
  over.rule("api.trello.com", Meaning::tool, 0, Role::api);
  const auto pack = layered(over);
  CHECK(pack->tool_count() == 2);
  CHECK(pack->match("trello.com").role == Role::site);
  CHECK(pack->tool(pack->match("trello.com").tool).id == "trello");
  CHECK(pack->match("x.trello.com").meaning == Meaning::denied);
  CHECK(pack->match("api.trello.com").role == Role::api);
}

TEST_CASE("Overlay: a wide rule says whose a host is, and a narrower one what it means",
          "[core][catalog]") {
  PackBuilder base = catalogue();
  base.rule("cdn.trello.com", Meaning::tool, 1, Role::embed).confidence =
      gnomon::RuleConfidence::medium;
  base.rule("namesake.trello.com", Meaning::denied);
  base.rule("id.trello.com", Meaning::idp, 0, Role::idp).provider = 0;
  PackBuilder over;
  over.tool("board");
  over.rule(".trello.com", Meaning::tool, 0, Role::app);
  const auto overlay = OverlayPack::from_bytes(over.bytes(PackKind::overlay), over.trusted());
  REQUIRE(overlay);
  const auto pack = with_overlay(base.pack(), *overlay);

  // The exact rule of the catalogue no longer keeps a host from the company's tool ...
  const HostMatch front = pack->match("trello.com");
  CHECK(pack->tool(front.tool).id == "board");
  // ... and what is a script stays a script, as sure as the catalogue was.
  const HostMatch script = pack->match("cdn.trello.com");
  CHECK(script.meaning == Meaning::tool);
  CHECK(pack->tool(script.tool).id == "board");
  CHECK(script.role == Role::embed);
  CHECK(script.confidence == gnomon::RuleConfidence::medium);
  CHECK(pack->rule_text(script.rule) == ".trello.com");
  CHECK(pack->rule_text(script.role_rule) == "cdn.trello.com");
  // Nobody's host becomes the company's; a sign-in hint stays a hint.
  CHECK(pack->tool(pack->match("namesake.trello.com").tool).id == "board");
  const HostMatch hint = pack->match("id.trello.com");
  CHECK(hint.meaning == Meaning::idp);
  CHECK(hint.is(Meaning::tool));
  // What only the wide rule knows has the wide rule's role.
  CHECK(pack->match("x.trello.com").role == Role::app);
  CHECK(pack->match("x.trello.com").role_rule == pack->match("x.trello.com").rule);
}

TEST_CASE("Overlay: a wide deny takes away what the catalogue names below it", "[core][catalog]") {
  PackBuilder over;
  over.rule(".trello.com", Meaning::denied);
  const auto pack = layered(over);
  CHECK(pack->match("trello.com").meaning == Meaning::denied);
  CHECK(pack->match("x.trello.com").meaning == Meaning::denied);
}

TEST_CASE("Overlay: a wide correction leaves the narrower rules of the same tool alone",
          "[core][catalog]") {
  PackBuilder over;
  over.tool("trello", gnomon::kToolOfBase);
  over.rule(".trello.com", Meaning::tool, 0, Role::content);
  const auto pack = layered(over);
  CHECK(pack->match("trello.com").role == Role::app);
  CHECK(pack->match("boards.trello.com").role == Role::content);
}

TEST_CASE("Overlay: reserved labels and what labels mean are the catalogue's", "[core][catalog]") {
  PackBuilder base = catalogue();
  base.content().labels = {{"docs", Role::site, false}, {"login", Role::login, false}};
  PackBuilder over;
  over.content().reserved.clear();
  over.tool("erp");
  over.rule("{tenant}.erp.example", Meaning::tool, 0, Role::app);
  over.rule(".erp.example", Meaning::tool, 0, Role::site).by_label = true;
  const auto overlay = OverlayPack::from_bytes(over.bytes(PackKind::overlay), over.trusted());
  REQUIRE(overlay);
  const auto pack = with_overlay(base.pack(), *overlay);
  CHECK(pack->match("acme.erp.example").tenant == "acme");
  const HostMatch sign_in = pack->match("login.erp.example");
  CHECK(sign_in.tenant.empty());  // a reserved label of the catalogue
  CHECK(sign_in.role == Role::login);
  CHECK(sign_in.label == "login");
  CHECK(pack->match("docs.eu.erp.example").role == Role::site);
}

TEST_CASE("Overlay: a tool that the catalogue has lost leaves no trace", "[core][catalog]") {
  PackBuilder over;
  over.tool("gone", gnomon::kToolOfBase);
  over.rule("gone.example.com", Meaning::tool, 0);
  over.rule("trello.com", Meaning::tool, 0);
  over.content().sanctioned = {"gone"};
  over.content().tenants = {{false, "gone", "acme"}, {true, "nobody", "acme"}};
  const auto pack = layered(over);
  CHECK(pack->match("gone.example.com").meaning == Meaning::unknown);
  CHECK(pack->tool(pack->match("trello.com").tool).id == "trello");
  CHECK_FALSE(pack->find_tool("gone"));
}

TEST_CASE("Overlay: tenants are own, foreign or unknown", "[core][catalog]") {
  PackBuilder over;
  over.content().tenants = {
      {false, "slack", "acme"}, {false, "slack", "acme-lab"}, {true, "okta", "acme"}};
  over.content().sanctioned = {"slack"};
  const auto pack = layered(over);
  CHECK(pack->match("acme.slack.com").owner == TenantOwner::own);
  CHECK(pack->match("acme-lab.slack.com").owner == TenantOwner::own);
  CHECK(pack->match("partner.slack.com").owner == TenantOwner::foreign);
  CHECK(pack->match("acme.okta.com").owner == TenantOwner::own);
  CHECK(pack->match("client.okta.com").owner == TenantOwner::foreign);
  CHECK(pack->match("trello.com").owner == TenantOwner::unknown);
  CHECK(catalogue().pack()->match("acme.slack.com").owner == TenantOwner::unknown);
  CHECK(pack->sanctioned(*pack->find_tool("slack")));
  CHECK_FALSE(pack->sanctioned(*pack->find_tool("trello")));
}

TEST_CASE("Overlay: weights of the company go before the catalogue's", "[core][catalog]") {
  PackBuilder over;
  over.content().weights = {{"captcha", 0.1}};
  const auto pack = layered(over);
  CHECK(*pack->weight("captcha") == 0.1);
  CHECK(*pack->weight("bias") == -6.0);
  CHECK(pack->version() == 5);
}
