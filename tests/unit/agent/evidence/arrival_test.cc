// The way to the product: how long it took, and what of it hid behind other pages.

#include <algorithm>
#include <string>

#include "agent/evidence/sign_ins.h"
#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::at;
using gnomon::testing::Story;

TEST_CASE("Arrival: reading and a form take minutes, a sign-in does not", "[agent][evidence]") {
  Story slow;
  slow.see(0, "asana.com").see(50, "login.asana.com").see(90, "app.asana.com");
  CHECK(slow.of("asana").features.slow_arrival);
  CHECK(slow.of("asana").features.site_read);
  CHECK(slow.of("asana").features.form_time);
  CHECK(slow.stage("asana") == Stage::signup_likely);
  Story quick;
  quick.see(0, "asana.com").see(6, "login.asana.com").see(14, "app.asana.com");
  CHECK_FALSE(quick.of("asana").features.slow_arrival);
  CHECK_FALSE(quick.of("asana").features.form_time);
  CHECK(quick.stage("asana") == Stage::visited);
}

TEST_CASE("Arrival: public pages beside another tab were looked at, once the product follows",
          "[agent][evidence]") {
  Story story;
  story.see(0, "www.news.example").see(0.4, "asana.com");
  CHECK(story.stage("asana") == Stage::embedded);
  story.see(40, "login.asana.com").see(75, "app.asana.com");
  CHECK(story.of("asana").features.sequence);
  CHECK(story.of("asana").features.site_read);
  CHECK(story.says("asana", "sign-in or product was opened after it"));
  // Understood last, it is read where it happened.
  const auto reasons = story.of("asana").evidence;
  CHECK(std::is_sorted(reasons.begin(), reasons.end(),
                       [](const Evidence& a, const Evidence& b) { return a.when < b.when; }));
  // An hour before, they belong to something else.
  Story old;
  old.see(0, "www.news.example").see(0.4, "asana.com");
  old.see(3600, "login.asana.com").see(3635, "app.asana.com");
  CHECK_FALSE(old.of("asana").features.sequence);
}

TEST_CASE("Arrival: a product seen beside another tab ends the reading, though it does not count",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com");
  story.see(8, "www.news.example").see(8.3, "start.asana.com");  // expected there: it counts
  story.see(90, "app.asana.com");
  CHECK_FALSE(story.of("asana").features.site_read);
  CHECK_FALSE(story.of("asana").features.slow_arrival);
}

TEST_CASE("Arrival: the public pages of a vendor lead to its tools", "[agent][evidence]") {
  Story story;
  story.see(0, "www.atlassian.com").see(45, "id.atlassian.com").see(80, "trello.com");
  CHECK(story.of("trello").features.sequence);
  CHECK(story.of("trello").features.site_read);
  Story straight;
  straight.see(45, "id.atlassian.com").see(80, "trello.com");
  CHECK_FALSE(straight.of("trello").features.sequence);
}

TEST_CASE("Arrival: the product may show by its API or a published file alone",
          "[agent][evidence]") {
  Story api;
  api.see(0, "asana.com").see(30, "login.asana.com").see(70, "api.asana.com");
  CHECK(api.of("asana").features.sequence);
  CHECK(api.of("asana").features.form_time);
  Story form;  // its sign-in page calls the API itself
  form.see(0, "asana.com").see(30, "login.asana.com").see(30.5, "api.asana.com");
  CHECK_FALSE(form.of("asana").features.login_then_app);
  Story file;
  file.see(0, "asana.com").see(30, "login.asana.com").see(38, "accounts.idp.com");
  file.see(52, "published.asana.com");
  CHECK(file.of("asana").features.sequence);
  CHECK(file.says("asana", "hint: signed in through"));
}

TEST_CASE("Arrival: after a link in a mail the product may show by its files alone",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(30, "login.asana.com").see(80, "click.tracker.com");
  story.see(80.3, "cdn.asana.com");
  CHECK(story.of("asana").features.sequence);
  CHECK(story.of("asana").features.form_time);
  Story newsletter;  // nobody was signing in
  newsletter.see(0, "asana.com").see(80, "click.tracker.com").see(80.3, "cdn.asana.com");
  CHECK_FALSE(newsletter.of("asana").features.sequence);
}

TEST_CASE("Arrival: a form on the product's own host is timed through an identity provider",
          "[agent][evidence]") {
  Story slow;
  slow.see(0, "asana.com").see(25, "app.asana.com").see(33, "accounts.idp.com");
  slow.see(62, "cdn.asana.com");
  CHECK(slow.of("asana").features.form_time);
  Story quick;
  quick.see(25, "app.asana.com").see(29, "accounts.idp.com").see(34, "cdn.asana.com");
  CHECK_FALSE(quick.of("asana").features.form_time);
}

TEST_CASE("Arrival: the company's own part of a tool is no new account", "[agent][evidence]") {
  const auto play = [](TenantOwner owner) {
    Story story;
    story.see(0, "asana.com").see(50, "login.asana.com");
    story.tenant = "acme";
    story.owner = owner;
    story.see(90, "app.asana.com");
    return story.stage("asana");
  };
  CHECK(play(TenantOwner::foreign) == Stage::signup_likely);
  CHECK(play(TenantOwner::unknown) == Stage::signup_likely);
  CHECK(play(TenantOwner::own) == Stage::visited);
}

TEST_CASE("Arrival: another part beside the company's own is judged like any",
          "[agent][evidence]") {
  Story story;
  story.tenant = "acme";
  story.owner = TenantOwner::own;
  story.see(0, "app.asana.com");
  CHECK(story.of("asana").features.own_tenant);
  story.tenant = "lunch-club";
  story.owner = TenantOwner::foreign;
  story.see(40, "app.asana.com");
  CHECK_FALSE(story.of("asana").features.own_tenant);
}

TEST_CASE("Arrival: a page of search results is one with whatever it carries beside it",
          "[agent][evidence]") {
  Story story;
  story.see(0, "www.google.com").see(0.3, "script.counter.com").see(0.4, "asana.com");
  CHECK(story.stage("asana") == Stage::embedded);
  story.see(9, "boards.com").see(9.2, "cdn.boards.com");
  CHECK(story.says("boards", "opened from a search page"));
  Story captcha;  // in the middle of a page load it is a map or a robot check
  captcha.see(0, "script.counter.com").see(0.2, "www.google.com").see(9, "boards.com");
  CHECK_FALSE(captcha.says("boards", "opened from a search page"));
}

TEST_CASE("SignIns: users and families are bounded, and the longest silent user goes first",
          "[agent][evidence]") {
  SignIns sign_ins;
  const Model model;
  Match login;
  login.sighting.source = Source::tls;
  login.sighting.host = "id.vendor.example";
  login.meaning = Meaning::family;
  login.role = Role::login;
  for (std::size_t i = 0; i <= SignIns::kMaxUsers; ++i) {
    login.sighting.when = at(static_cast<double>(i));
    sign_ins.note("user" + std::to_string(i), login, {}, "vendor", model);
  }
  CHECK_FALSE(sign_ins.before("user0", 0, "vendor").family_login);
  CHECK(sign_ins.before("user1", 0, "vendor").family_login == at(1));
  for (std::size_t i = 0; i < 2 * SignIns::kMaxFamilies; ++i) {
    sign_ins.note("user1", login, {}, "family" + std::to_string(i), model);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < 2 * SignIns::kMaxFamilies; ++i) {
    kept += sign_ins.before("user1", 0, "family" + std::to_string(i)).family_login ? 1U : 0U;
  }
  CHECK(kept <= SignIns::kMaxFamilies);
  CHECK(kept > 0);
}
