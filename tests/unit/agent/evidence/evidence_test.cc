#include "agent/evidence/evidence.h"

#include <map>

#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::at;
using gnomon::testing::kDay;
using gnomon::testing::Story;

namespace {

// The recorded story: landing page, sign-in page, twenty seconds of form, the product.
void sign_up_for_trello(Story& story, double begin = 0) {
  story.see(begin, "www.news.example").see(begin + 0.1, "script.counter.com");
  story.see(begin + 8, "trello.com").see(begin + 8.2, "script.counter.com");
  story.see(begin + 24, "id.atlassian.com").see(begin + 24.2, "id.atlassian.com");
  story.see(begin + 44, "cdn.trello.com").see(begin + 44.1, "gateway.trello.com");
  story.see(begin + 44.2, "ws.trello.com").see(begin + 49, "gateway.trello.com");
}

}  // namespace

TEST_CASE("Evidence: site, sign-in and product in order is a likely sign-up", "[agent][evidence]") {
  Story story;
  sign_up_for_trello(story);
  story.room->finish();
  const Judgement trello = story.of("trello");
  CHECK(trello.verdict.stage == Stage::signup_likely);
  CHECK(trello.verdict.confidence >= 800);
  CHECK(story.says("trello", "sign-in page"));
  CHECK(story.says("trello", "as filling in a form does"));
  CHECK(story.stage("counter") == Stage::embedded);
}

TEST_CASE("Evidence: the same steps in the learning period are no sign-up", "[agent][evidence]") {
  EvidenceOptions options;
  options.learning = std::chrono::hours{24 * 14};
  Story story{std::move(options)};
  sign_up_for_trello(story);
  CHECK(story.stage("trello") == Stage::visited);
  // However much speaks for it.
  story.see(1000, "asana.com").see(1060, "login.asana.com").see(1120, "mail-links.asana.com");
  story.see(1121, "app.asana.com").see(1180, "sync.asana.com").see(1240, "app.asana.com");
  CHECK(story.of("asana").features.form_time);
  CHECK(story.stage("asana") == Stage::visited);
}

TEST_CASE("Evidence: no sign-up is certain, whatever was seen", "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(60, "login.asana.com").see(120, "mail-links.asana.com");
  story.see(121, "app.asana.com").see(180, "sync.asana.com").see(240, "app.asana.com");
  CHECK(story.stage("asana") == Stage::signup_likely);
  CHECK(story.of("asana").signup_probability > 0.99);
  CHECK(story.of("asana").verdict.confidence <= 970);
}

TEST_CASE("Evidence: a look at the landing page is a visit", "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com").see(0.3, "cdn.trello.com").see(30, "trello.com");
  CHECK(story.stage("trello") == Stage::visited);
}

TEST_CASE("Evidence: signing in quickly on a first day is not called a sign-up",
          "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com").see(3, "id.atlassian.com").see(7, "ws.trello.com");
  CHECK(story.stage("trello") == Stage::visited);
}

TEST_CASE("Evidence: a script on other pages never becomes a use", "[agent][evidence]") {
  Story story;
  for (int page = 0; page < 1000; ++page) {
    const double begin = page * 30.0;
    story.see(begin, "www.shop" + std::to_string(page) + ".example");
    story.see(begin + 0.2, "fonts.cdn.com").see(begin + 0.3, "script.counter.com");
    story.see(begin + 0.4, "console.counter.com").see(begin + 0.5, "accounts.idp.com");
    story.see(begin + 0.6, "trello.com");
  }
  CHECK(story.stage("counter") == Stage::embedded);
  CHECK(story.stage("trello") == Stage::embedded);
}

TEST_CASE("Evidence: a beacon to the console's host is not a visit to the console",
          "[agent][evidence]") {
  Story story;
  SECTION("in another site's page load") {
    story.see(0, "www.shop.example").see(0.2, "script.counter.com");
    story.see(0.3, "console.counter.com").see(0.4, "fonts.cdn.com").see(0.5, "accounts.idp.com");
  }
  SECTION("alone, long after the page loaded") {
    story.see(0, "www.shop.example").see(25, "console.counter.com");
  }
  SECTION("behind an embed, when the page reused its connection") {
    story.see(0, "script.counter.com").see(0.1, "console.counter.com");
    story.see(0.2, "accounts.idp.com").see(0.3, "fonts.cdn.com");
  }
  story.room->advance(at(60));
  CHECK(story.stage("counter") == Stage::embedded);
}

TEST_CASE("Evidence: the console opened first, with its sign-in and files, is a visit",
          "[agent][evidence]") {
  Story story;
  story.see(0, "update.browser.com").see(0.3, "accounts.idp.com").see(0.6, "console.counter.com");
  story.see(0.9, "script.counter.com").see(0.95, "fonts.cdn.com").see(1.0, "accounts.idp.com");
  story.room->advance(at(60));
  CHECK(story.stage("counter") == Stage::visited);
  CHECK(story.says("counter", "opened first"));
}

TEST_CASE("Evidence: a name that was only looked up is mentioned", "[agent][evidence]") {
  Story story;
  story.see(0, "app.asana.com", Source::dns);
  CHECK(story.stage("asana") == Stage::mentioned);
  story.see(1, "app.asana.com", Source::tls);
  CHECK(story.stage("asana") == Stage::visited);
}

TEST_CASE("Evidence: a respondent is a guest and a maker is not", "[agent][evidence]") {
  Story story;
  story.see(0, "form.survey.com").see(400, "form.survey.com");
  CHECK(story.stage("survey") == Stage::guest);
  story.see(500, "signup.survey.com");
  CHECK(story.stage("survey") == Stage::visited);  // a form that is only opened makes no account
  story.see(560, "admin.survey.com");
  CHECK(story.stage("survey") == Stage::signup_likely);
}

TEST_CASE("Evidence: work on a second day makes it active, a month of silence dormant",
          "[agent][evidence]") {
  Story story;
  story.see(0, "app.asana.com").see(60, "app.asana.com").see(120, "app.asana.com");
  CHECK(story.stage("asana") == Stage::visited);
  story.see(kDay, "app.asana.com");
  CHECK(story.stage("asana") == Stage::active);
  CHECK(story.says("asana", "another day"));
  story.room->advance(at(kDay * 40));
  CHECK(story.stage("asana") == Stage::dormant);
}

TEST_CASE("Evidence: days far apart do not make it active", "[agent][evidence]") {
  Story story;
  story.see(0, "app.asana.com").see(kDay * 20, "app.asana.com");
  CHECK(story.stage("asana") == Stage::visited);
}

TEST_CASE("Evidence: a program that calls the API is an integration, a browser is not",
          "[agent][evidence]") {
  Story story;
  story.see(0, "api.trello.com");
  CHECK(story.stage("trello") == Stage::embedded);
  story.program = "python3.11";
  story.see(10, "api.trello.com");
  CHECK(story.stage("trello") == Stage::integrated);
  CHECK(story.of("trello").verdict.confidence < 800);
  story.see(kDay, "api.trello.com");
  CHECK(story.of("trello").verdict.confidence > 900);
}

TEST_CASE("Evidence: a script on the product's own host is an integration, a client there is not",
          "[agent][evidence]") {
  Story story;
  story.program = "some-desktop-client";
  story.see(0, "app.asana.com");
  CHECK(story.stage("asana") == Stage::visited);
  story.program = "curl";
  story.see(10, "app.asana.com");
  CHECK(story.stage("asana") == Stage::integrated);
}

TEST_CASE("Evidence: a provider's button on the page is no sign-in", "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com").see(0.3, "accounts.idp.com").see(30, "trello.com");
  CHECK_FALSE(story.says("trello", "signed in through"));
  story.see(60, "accounts.idp.com").see(70, "ws.trello.com");
  CHECK(story.says("trello", "signed in through"));
}

TEST_CASE("Evidence: a host that pages embed, seen once and alone, is embedded",
          "[agent][evidence]") {
  Story story;
  story.see(0, "www.news.example").see(20, "form.survey.com");
  CHECK(story.stage("survey") == Stage::embedded);
  story.see(22, "form.survey.com");
  CHECK(story.stage("survey") == Stage::embedded);
  story.see(40, "form.survey.com");
  CHECK(story.stage("survey") == Stage::guest);
}

TEST_CASE("Evidence: the product announced by the public pages is not opened",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(0.2, "app.asana.com");
  CHECK(story.says("asana", "while its public pages loaded"));
  CHECK_FALSE(story.of("asana").features.site_then_app);
  story.see(30, "app.asana.com");
  CHECK(story.of("asana").features.site_then_app);
  CHECK(story.of("asana").features.site_read);
}

TEST_CASE("Evidence: news leaves within seconds, the rest by its window", "[agent][evidence]") {
  Story story;
  story.see(0, "app.asana.com");
  CHECK(story.contacts.empty());
  story.room->advance(at(3));
  REQUIRE(story.contacts.size() == 1);
  CHECK(story.contacts[0].tool == "asana");
  CHECK(story.contacts[0].stage == Stage::visited);
  CHECK(story.contacts[0].tls == 1);
  CHECK_FALSE(story.contacts[0].evidence.empty());
  story.see(10, "app.asana.com").see(20, "app.asana.com");
  story.room->advance(at(800));
  CHECK(story.contacts.size() == 1);
  story.room->advance(at(910));
  REQUIRE(story.contacts.size() == 2);
  CHECK(story.contacts[1].tls == 2);
}

TEST_CASE("Evidence: every attributed sighting is in exactly one contact", "[agent][evidence]") {
  EvidenceOptions options;
  options.windows.max_open = 3;
  Story story{std::move(options)};
  std::uint32_t sightings = 0;
  for (int round = 0; round < 50; ++round) {
    for (const char* host : {"trello.com", "ws.trello.com", "app.asana.com", "script.counter.com",
                             "form.survey.com", "www.unknown.example"}) {
      story.see(round * 100.0 + sightings % 7, host);
      sightings += std::string{host} != "www.unknown.example" ? 1U : 0U;
    }
  }
  story.room->finish();
  std::uint32_t counted = 0;
  for (const Contact& contact : story.contacts) {
    counted += contact.tls;
    CHECK(contact.first <= contact.last);
    CHECK(contact.window_begin <= contact.first);
    CHECK(contact.last < contact.window_end);
  }
  CHECK(counted == sightings);
}

TEST_CASE("Evidence: what is not in the catalogue never reaches a contact", "[agent][evidence]") {
  Story story;
  story.see(0, "www.private.example").see(1, "accounts.idp.com").see(2, "fonts.cdn.com");
  story.see(3, "app.asana.com");
  story.room->finish();
  for (const Contact& contact : story.contacts) {
    CHECK(contact.tool == "asana");
    for (const Evidence& line : contact.evidence) {
      CHECK(line.what.find("private") == std::string::npos);
      CHECK(line.host.find("private") == std::string::npos);
    }
  }
}

TEST_CASE("Evidence: a restart in the middle changes nothing", "[agent][evidence]") {
  Story whole;
  sign_up_for_trello(whole);
  sign_up_for_trello(whole, kDay);
  whole.room->finish();

  Story before;
  sign_up_for_trello(before);
  before.room->finish();
  Story after;
  REQUIRE(after.room->load(before.room->save()));
  sign_up_for_trello(after, kDay);
  after.room->finish();

  CHECK(after.stage("trello") == whole.stage("trello"));
  CHECK(after.of("trello").evidence == whole.of("trello").evidence);
  std::vector<Contact> both = before.contacts;
  both.insert(both.end(), after.contacts.begin(), after.contacts.end());
  CHECK(both.size() == whole.contacts.size());
}

TEST_CASE("Evidence: a sequence of the catalogue is followed in order and in time",
          "[agent][evidence]") {
  Story story;
  Sequence sequence;
  sequence.id = "trello-signup";
  sequence.tool = story.trello;
  SequenceStep login;
  login.rule = story.pack->match("id.atlassian.com").rule;
  SequenceStep work;
  work.rule = story.pack->match("ws.trello.com").rule;
  work.min_flows = 2;
  sequence.steps = {login, work};
  story.pack->add_sequence(sequence);
  story.room->set_pack(story.pack);
  story.see(0, "ws.trello.com").see(5, "id.atlassian.com").see(20, "ws.trello.com");
  CHECK_FALSE(story.says("trello", "steps of trello-signup"));
  story.see(30, "ws.trello.com");
  CHECK(story.says("trello", "steps of trello-signup"));
}

TEST_CASE("Evidence: memory stays bounded, and the longest silent goes first",
          "[agent][evidence]") {
  EvidenceOptions options;
  options.max_states = 2;
  Story story{std::move(options)};
  story.see(0, "app.asana.com").see(1, "trello.com").see(2, "form.survey.com");
  CHECK(story.room->judgements().size() == 2);
  CHECK(story.stage("asana") == Stage::none);
  CHECK(story.counters.value("evidence_states_forgotten_total") == 1);
}
