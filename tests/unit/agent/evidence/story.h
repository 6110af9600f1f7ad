// Stories of matches, told by host and second, for the evidence room's tests.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/evidence/evidence.h"
#include "tests/support/fake_rule_pack.h"

namespace gnomon::testing {

// at gives a time by its seconds after 2026-11-16 09:00 UTC, a Monday.
inline WallTime at(double seconds) {
  const WallTime monday{std::chrono::sys_days{std::chrono::year{2026} / 11 / 16} +
                        std::chrono::hours{9}};
  return monday + std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e9)};
}

inline constexpr double kDay = 86400;

// Story is a small world: Trello with its vendor's family, Asana, a web counter whose console also
// takes beacons, a survey tool, boards that other pages carry in frames, and an identity provider.
class Story final : public ContactSink {
 public:
  explicit Story(EvidenceOptions options = {}) {
    const ToolIndex atlassian = pack->add_tool("atlassian", {}, true);
    trello = pack->add_tool("trello", atlassian);
    asana = pack->add_tool("asana");
    counter = pack->add_tool("counter");
    survey = pack->add_tool("survey");
    pack->add_host("id.atlassian.com", Meaning::family, atlassian, Role::login);
    pack->add_host("www.atlassian.com", Meaning::family, atlassian, Role::site);
    auto& shared = pack->add_host("trello.com", Meaning::tool, trello, Role::app, Audience::both);
    shared.shared_with = 1U << static_cast<unsigned>(Role::site);
    pack->add_host("ws.trello.com", Meaning::tool, trello, Role::client);
    pack->add_host("gateway.trello.com", Meaning::tool, trello, Role::client);
    pack->add_host("api.trello.com", Meaning::tool, trello, Role::api);
    pack->add_host("cdn.trello.com", Meaning::tool, trello, Role::asset);
    pack->add_host("asana.com", Meaning::tool, asana, Role::site, Audience::visitor);
    pack->add_host("app.asana.com", Meaning::tool, asana, Role::app);
    pack->add_host("script.counter.com", Meaning::tool, counter, Role::embed, Audience::visitor);
    pack->add_host("console.counter.com", Meaning::tool, counter, Role::app).weight =
        RuleWeight::weak;
    pack->add_host("form.survey.com", Meaning::tool, survey, Role::app, Audience::guest);
    pack->add_host("signup.survey.com", Meaning::tool, survey, Role::signup);
    pack->add_host("admin.survey.com", Meaning::tool, survey, Role::app);
    pack->add_host("www.survey.com", Meaning::tool, survey, Role::site, Audience::visitor);
    pack->add_host("api.survey.com", Meaning::tool, survey, Role::api);
    pack->add_host("login.survey.com", Meaning::tool, survey, Role::login);
    pack->add_host("links.survey.com", Meaning::tool, survey, Role::link);
    pack->add_host("team.survey.com", Meaning::tool, survey, Role::site).shared_with =
        1U << static_cast<unsigned>(Role::api);
    pack->add_host("cdn.asana.com", Meaning::tool, asana, Role::asset);
    pack->add_host("api.asana.com", Meaning::tool, asana, Role::api);
    pack->add_host("sync.asana.com", Meaning::tool, asana, Role::client);
    pack->add_host("login.asana.com", Meaning::tool, asana, Role::login);
    pack->add_host("published.asana.com", Meaning::tool, asana, Role::content);
    pack->add_host("boards.asana.com", Meaning::tool, asana, Role::app, Audience::both);
    pack->add_host("mail-links.asana.com", Meaning::tool, asana, Role::link);
    auto& form = pack->add_host("start.asana.com", Meaning::tool, asana, Role::app);
    form.shared_with = 1U << static_cast<unsigned>(Role::signup);
    auto& work = pack->add_host("work.asana.com", Meaning::tool, asana, Role::app);
    work.shared_with = 1U << static_cast<unsigned>(Role::site);
    const ToolIndex boards = pack->add_tool("boards");
    pack->add_host("www.boards.com", Meaning::tool, boards, Role::site, Audience::visitor);
    auto& board = pack->add_host("boards.com", Meaning::tool, boards, Role::app, Audience::both);
    board.shared_with =
        1U << static_cast<unsigned>(Role::site) | 1U << static_cast<unsigned>(Role::embed);
    pack->add_host("sync.boards.com", Meaning::tool, boards, Role::client);
    pack->add_host("cdn.boards.com", Meaning::tool, boards, Role::asset);
    const ToolIndex meter = pack->add_tool("meter");
    pack->set_category(meter, "web-product-analytics");
    for (const char* host : {"a.meter.com", "b.meter.com", "c.meter.com", "d.meter.com"}) {
      pack->add_host(host, Meaning::tool, meter, Role::embed, Audience::visitor);
    }
    const ToolIndex ads = pack->add_tool("ads");
    pack->set_category(ads, "advertising-attribution");
    for (const char* host : {"a.ads.com", "b.ads.com"}) {
      pack->add_host(host, Meaning::tool, ads, Role::embed, Audience::visitor);
    }
    pack->add_host("click.tracker.com", Meaning::mail_click);
    pack->add_host("www.google.com", Meaning::shared);
    pack->add_host("accounts.idp.com", Meaning::idp).name = "An Identity Provider";
    auto& company = pack->add_host("acme.company-idp.com", Meaning::idp);
    company.name = "An Identity Provider";
    company.account = AccountKind::work;
    company.tenant = "acme";
    pack->add_host("check.robots.com", Meaning::captcha);
    pack->add_host("fonts.cdn.com", Meaning::shared);
    pack->add_host("update.browser.com", Meaning::browser_noise);
    room = std::make_unique<EvidenceRoom>(pack, std::move(options), counters, *this);
  }

  void on_contact(Contact contact) override { contacts.push_back(std::move(contact)); }

  // see adds one sighting of `host`, with what the pack says of it.
  Story& see(double seconds, const std::string& host, Source source = Source::tls) {
    const HostMatch found = pack->match(host);
    Match match;
    match.sighting.when = at(seconds);
    match.sighting.source = source;
    match.sighting.host = host;
    match.sighting.process.program = program;
    match.meaning = found.meaning;
    match.also = found.also;
    match.tool = found.tool;
    match.role = found.role;
    match.audience = found.audience;
    match.confidence = found.confidence;
    match.weight = found.weight;
    match.shared_with = found.shared_with;
    match.name = found.name;
    match.rule = found.rule;
    match.account = found.account;
    match.tenant = tenant.empty() ? std::string{found.tenant} : tenant;
    match.owner = owner;
    room->add(match);
    return *this;
  }

  Judgement of(const std::string& tool) const {
    for (const Judgement& judgement : room->judgements()) {
      if (judgement.tool == tool) {
        return judgement;
      }
    }
    return {};
  }

  Stage stage(const std::string& tool) const { return of(tool).verdict.stage; }

  // says tells whether a line of the tool's evidence holds `words`.
  bool says(const std::string& tool, const std::string& words) const {
    const Judgement judgement = of(tool);
    for (const Evidence& line : judgement.evidence) {
      if (line.what.find(words) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  std::shared_ptr<FakeRulePack> pack = std::make_shared<FakeRulePack>();
  Counters counters;
  ToolIndex trello = 0;
  ToolIndex asana = 0;
  ToolIndex counter = 0;
  ToolIndex survey = 0;
  std::string program = "firefox";
  std::string tenant;
  TenantOwner owner = TenantOwner::unknown;
  std::vector<Contact> contacts;
  std::unique_ptr<EvidenceRoom> room;
};

}  // namespace gnomon::testing
