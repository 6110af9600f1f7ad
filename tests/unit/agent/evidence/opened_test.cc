// Opened by a person, or carried by a page? The steps around a contact, one by one.

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "agent/evidence/evidence.h"
#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::kDay;
using gnomon::testing::Story;

TEST_CASE("Opened: a guest's page after a mail was opened, not carried", "[agent][evidence]") {
  Story story;
  SECTION("the company's own mail in the browser") {
    story.see(0, "mail.company.example").see(12, "form.survey.com");
    CHECK(story.says("survey", "from a mail or chat"));
  }
  SECTION("a click tracker in the same page load") {
    story.see(0, "www.news.example").see(30, "click.tracker.com").see(30.4, "form.survey.com");
  }
  CHECK(story.stage("survey") == Stage::guest);
}

TEST_CASE("Opened: what a page carries stays embedded, also after a mail", "[agent][evidence]") {
  Story story;
  story.see(0, "mail.company.example").see(12, "www.news.example").see(12.5, "form.survey.com");
  story.see(40, "form.survey.com");
  CHECK(story.stage("survey") == Stage::embedded);
}

TEST_CASE("Opened: a mail that was read long ago opens nothing", "[agent][evidence]") {
  Story story;
  story.see(0, "mail.company.example").see(700, "form.survey.com");
  CHECK(story.stage("survey") == Stage::embedded);
}

TEST_CASE("Opened: what leads after a page of search results was opened", "[agent][evidence]") {
  Story story;
  story.see(0, "www.google.com").see(6, "boards.com").see(6.2, "cdn.boards.com");
  CHECK(story.stage("boards") == Stage::visited);
  Story typed;
  typed.see(6, "boards.com").see(6.2, "cdn.boards.com");
  CHECK(typed.stage("boards") == Stage::embedded);
}

TEST_CASE("Opened: what comes with a frame is no more than the frame", "[agent][evidence]") {
  Story story;
  story.see(0, "boards.com").see(0.2, "sync.boards.com").see(0.4, "sync.boards.com");
  CHECK(story.stage("boards") == Stage::embedded);
  story.see(20, "boards.com").see(20.3, "sync.boards.com");
  CHECK(story.stage("boards") == Stage::visited);
}

TEST_CASE("Opened: a frame seen twice counts only when no other page came in between",
          "[agent][evidence]") {
  Story stayed;
  stayed.see(0, "boards.com").see(30, "update.browser.com").see(40, "boards.com");
  CHECK(stayed.stage("boards") == Stage::visited);
  Story went_on;
  went_on.see(0, "boards.com").see(20, "www.news.example").see(40, "boards.com");
  CHECK(went_on.stage("boards") == Stage::embedded);
}

TEST_CASE("Opened: a search engine in the same page load is a map or a robot check",
          "[agent][evidence]") {
  Story story;
  story.see(0, "www.google.com").see(0.3, "boards.com").see(0.5, "cdn.boards.com");
  CHECK(story.stage("boards") == Stage::embedded);
}

TEST_CASE("Opened: the identity provider that browsers contact at their start opens nothing",
          "[agent][evidence]") {
  Story start;
  start.see(0, "accounts.idp.com").see(0.5, "boards.com");
  CHECK(start.stage("boards") == Stage::embedded);
  Story sign_in;
  sign_in.see(0, "boards.com").see(30, "accounts.idp.com").see(45, "boards.com");
  CHECK(sign_in.stage("boards") != Stage::embedded);
  CHECK(sign_in.of("boards").features.sequence);
}

TEST_CASE("Opened: a form that was opened and left is one look", "[agent][evidence]") {
  Story left;
  left.see(0, "asana.com").see(40, "start.asana.com").see(40.5, "cdn.asana.com");
  CHECK(left.of("asana").features.one_look);
  const double before = left.of("asana").signup_probability;
  left.see(70, "sync.asana.com");
  CHECK_FALSE(left.of("asana").features.one_look);
  CHECK(left.of("asana").signup_probability > before);
}

TEST_CASE("Opened: a back end that the public pages ask is not the product", "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(0.3, "sync.asana.com");
  CHECK(story.of("asana").signup_probability == 0);
  story.see(40, "cdn.asana.com").see(40.2, "sync.asana.com");
  CHECK(story.of("asana").features.site_then_app);
}

TEST_CASE("Opened: somebody sent to a board by a mail is a guest until a sign-in",
          "[agent][evidence]") {
  Story story;
  story.see(0, "mail.company.example").see(20, "boards.com").see(60, "boards.com");
  CHECK(story.stage("boards") == Stage::guest);
  story.see(80, "accounts.idp.com").see(90, "boards.com");
  CHECK(story.stage("boards") != Stage::guest);
}

TEST_CASE("Opened: a page beside another tab's counts with files of its own", "[agent][evidence]") {
  Story story;
  story.see(0, "www.news.example").see(0.3, "asana.com");
  CHECK(story.stage("asana") == Stage::embedded);
  SECTION("its files follow") {
    story.see(0.6, "cdn.asana.com");
    CHECK(story.stage("asana") == Stage::visited);
  }
  SECTION("its files come with another page") {
    story.see(30, "www.shop.example").see(30.2, "cdn.asana.com");
    CHECK(story.stage("asana") == Stage::embedded);
  }
}

TEST_CASE("Opened: a frame beside another tab's page stays embedded, files or not",
          "[agent][evidence]") {
  Story story;
  story.see(0, "www.news.example").see(0.3, "boards.com").see(0.5, "cdn.boards.com");
  CHECK(story.stage("boards") == Stage::embedded);
}

TEST_CASE("Opened: a link in the tool's mail speaks for a new account only after a first look",
          "[agent][evidence]") {
  Story reader;
  reader.see(0, "mail-links.asana.com").see(0.3, "asana.com");
  CHECK_FALSE(reader.of("asana").features.mail_click);
  Story newcomer;
  newcomer.see(0, "asana.com").see(90, "mail-links.asana.com");
  CHECK(newcomer.of("asana").features.mail_click);
  CHECK(newcomer.of("asana").signup_probability > 0);
  Story late;
  late.see(0, "asana.com").see(2 * 3600, "mail-links.asana.com");
  CHECK_FALSE(late.of("asana").features.mail_click);
}

TEST_CASE("Opened: own files after an identity provider are the product on an open connection",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(30, "accounts.idp.com").see(40, "cdn.asana.com");
  CHECK(story.of("asana").features.sequence);
  CHECK(story.says("asana", "own files loaded after the sign-in"));
  Story stranger;
  stranger.see(30, "accounts.idp.com").see(40, "cdn.asana.com");
  CHECK_FALSE(stranger.of("asana").features.login_then_app);
}

TEST_CASE("Opened: only the first contact after a sign-in tells how long the form took",
          "[agent][evidence]") {
  Story quick;
  quick.see(0, "id.atlassian.com").see(6, "ws.trello.com").see(90, "gateway.trello.com");
  CHECK_FALSE(quick.of("trello").features.form_time);
  Story slow;
  slow.see(0, "id.atlassian.com").see(30, "ws.trello.com");
  CHECK(slow.of("trello").features.form_time);
}

TEST_CASE("Opened: a form on the product's own host shows by how late the back end comes",
          "[agent][evidence]") {
  Story form;
  form.see(0, "start.asana.com").see(25, "sync.asana.com");
  CHECK(form.of("asana").features.form_time);
  Story bookmark;
  bookmark.see(0, "start.asana.com").see(0.5, "sync.asana.com").see(60, "sync.asana.com");
  CHECK_FALSE(bookmark.of("asana").features.form_time);
}

TEST_CASE("Opened: a back end contacted with the public pages is no sign of the product",
          "[agent][evidence]") {
  Story at_once;
  at_once.see(0, "asana.com").see(0.4, "api.asana.com").see(60, "api.asana.com");
  CHECK_FALSE(at_once.of("asana").features.back_end_later);
  Story later;
  later.see(0, "asana.com").see(60, "cdn.asana.com").see(60.3, "api.asana.com");
  CHECK(later.of("asana").features.back_end_later);
}

namespace {

// draw gives a whole number from 0 to `below` - 1.
double draw(std::mt19937& random, unsigned below) {
  return static_cast<double>(random() % below);
}

struct Sight {
  double when;
  std::string host;
};

// Rank of a stage for this property: what other pages can cause counts as nothing.
int rank(Stage stage) {
  switch (stage) {
    case Stage::none:
    case Stage::embedded:
    case Stage::mentioned:
      return 0;
    case Stage::visited:
    case Stage::guest:
      return 1;
    case Stage::signup_likely:
      return 2;
    default:
      return 3;
  }
}

std::vector<Sight> random_story(std::mt19937& random) {
  const std::vector<std::string> hosts{
      "www.news.example", "www.shop.example", "mail.company.example", "www.google.com",
      "asana.com",        "app.asana.com",    "cdn.asana.com",        "sync.asana.com",
      "trello.com",       "ws.trello.com",    "id.atlassian.com",     "accounts.idp.com",
      "form.survey.com",  "boards.com",       "mail-links.asana.com", "console.counter.com"};
  std::vector<Sight> story;
  double when = 0;
  for (int i = 0; i < 25; ++i) {
    when += random() % 3 == 0 ? 4 + draw(random, 60) : 0.1 + draw(random, 20) / 10;
    story.push_back({when, hosts[random() % hosts.size()]});
  }
  return story;
}

// with_embeds adds page loads of other sites, each with a script and a frame that come along.
std::vector<Sight> with_embeds(const std::vector<Sight>& story, std::mt19937& random) {
  std::vector<Sight> more = story;
  for (int page = 0; page < 6; ++page) {
    const double when = draw(random, 600);
    const std::string site = "www.page" + std::to_string(page) + ".example";
    more.push_back({when, site});
    more.push_back({when + 0.2, "script.counter.com"});
    more.push_back({when + 0.3 + draw(random, 20) / 10, "frames.example"});
  }
  std::stable_sort(more.begin(), more.end(),
                   [](const Sight& a, const Sight& b) { return a.when < b.when; });
  return more;
}

}  // namespace

TEST_CASE("Opened: pages with embeds never raise a tool that was not used above embedded",
          "[agent][evidence]") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    const auto base = random_story(random);
    const auto more = with_embeds(base, random);
    Story before;
    for (const Sight& sight : base) {
      before.see(sight.when, sight.host);
    }
    Story after;
    for (const Sight& sight : more) {
      after.see(sight.when, sight.host);
    }
    before.room->finish();
    after.room->finish();
    for (const char* tool : {"trello", "asana", "counter", "survey", "boards"}) {
      CAPTURE(tool);
      if (rank(before.stage(tool)) == 0) {
        CHECK(rank(after.stage(tool)) == 0);
      }
    }
  }
}

TEST_CASE("Opened: any number of embeds on any number of pages is no use", "[agent][evidence]") {
  std::mt19937 random{7};
  Story story;
  double when = 0;
  for (int page = 0; page < 1000; ++page) {
    when += 5 + draw(random, 90);
    if (random() % 3 == 0) {  // the browser's open connection hides which site it is
      story.see(when, "www.site" + std::to_string(page / 4) + ".example");
    }
    story.see(when + 0.1, "script.counter.com").see(when + 0.2, "console.counter.com");
    story.see(when + 0.3, "boards.com").see(when + 0.4, "sync.boards.com");
    story.see(when + 0.5, "accounts.idp.com").see(when + 0.6, "form.survey.com");
  }
  story.room->finish();
  for (const char* tool : {"counter", "survey", "boards"}) {
    CAPTURE(tool);
    CHECK(story.stage(tool) == Stage::embedded);
  }
}

TEST_CASE("Opened: an open session on a host shared with the public pages is no reading of them",
          "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com").see(0.4, "gateway.trello.com");
  story.see(60, "gateway.trello.com").see(90, "gateway.trello.com");
  CHECK_FALSE(story.of("trello").features.site_read);
  CHECK_FALSE(story.of("trello").features.site_then_app);
  CHECK(story.stage("trello") == Stage::visited);
}
