// Pages that came over a connection still open: seen by what they load of other companies.

#include <initializer_list>

#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::Story;

namespace {

// loads adds a page load's files of other companies, a tenth of a second apart.
Story& loads(Story& story, double from, std::initializer_list<const char*> hosts) {
  for (const char* host : hosts) {
    story.see(from, host);
    from += 0.1;
  }
  return story;
}

}  // namespace

TEST_CASE("Hidden pages: what is new after a form is another page of the tool",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(50, "start.asana.com");
  loads(story, 50.1, {"a.meter.com"});
  CHECK(story.of("asana").features.one_look);
  loads(story, 95, {"b.meter.com", "c.meter.com"});
  CHECK_FALSE(story.of("asana").features.one_look);
  CHECK(story.of("asana").features.form_time);
  CHECK(story.of("asana").features.slow_arrival);
  CHECK(story.says("asana", "another page was opened after its form"));
  CHECK(story.stage("asana") == Stage::signup_likely);
}

TEST_CASE("Hidden pages: a page that stays open, or another site's, is none of the tool's",
          "[agent][evidence]") {
  Story stays;  // it tells the same companies again, and a single new one
  stays.see(0, "asana.com").see(50, "start.asana.com");
  loads(stays, 50.1, {"a.meter.com", "b.meter.com"});
  loads(stays, 95, {"a.meter.com", "b.meter.com", "c.meter.com"});
  CHECK(stays.of("asana").features.one_look);
  Story left;
  left.see(0, "asana.com").see(50, "start.asana.com").see(80, "www.shop.example");
  loads(left, 95, {"b.meter.com", "c.meter.com"});
  CHECK(left.of("asana").features.one_look);
  Story reader;  // without a form before it, it may be one more public page
  reader.see(0, "asana.com");
  loads(reader, 60, {"b.meter.com", "c.meter.com", "a.ads.com"});
  reader.room->finish();
  CHECK_FALSE(reader.of("asana").features.slow_arrival);
}

TEST_CASE("Hidden pages: whoever had arrived already did not fill in a form until then",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(6, "login.asana.com").see(14, "app.asana.com");
  loads(story, 90, {"a.meter.com", "b.meter.com"});
  CHECK_FALSE(story.of("asana").features.form_time);
  CHECK_FALSE(story.of("asana").features.slow_arrival);
}

TEST_CASE("Hidden pages: no advertising among what products load makes a screen of the product",
          "[agent][evidence]") {
  const auto play = [](std::initializer_list<const char*> brings) {
    Story story;  // one host for everything
    story.see(0, "trello.com");
    loads(story, 0.1, {"a.ads.com"});
    loads(story, 90, brings);
    story.room->finish();
    return story.of("trello").features;
  };
  const Features screen = play({"a.meter.com", "b.meter.com", "c.meter.com"});
  CHECK(screen.site_then_app);
  CHECK(screen.site_read);
  CHECK(screen.slow_arrival);
  // A page for the public, a form, and too little to tell.
  CHECK_FALSE(play({"a.meter.com", "b.meter.com", "c.meter.com", "b.ads.com"}).site_then_app);
  CHECK_FALSE(
      play({"a.meter.com", "b.meter.com", "c.meter.com", "check.robots.com"}).site_then_app);
  CHECK_FALSE(play({"a.meter.com", "b.meter.com"}).site_then_app);
  // A tag manager alone weighs little among much else.
  CHECK(play({"a.meter.com", "b.meter.com", "c.meter.com", "d.meter.com", "b.ads.com"})
            .site_then_app);
}

TEST_CASE("Hidden pages: the shared host itself may open as a screen", "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com");
  loads(story, 0.1, {"a.ads.com"});
  story.see(60, "trello.com");
  loads(story, 60.1, {"a.meter.com", "b.meter.com", "c.meter.com"});
  story.room->finish();
  CHECK(story.of("trello").features.site_then_app);
  CHECK(story.says("trello", "no advertising"));
}

TEST_CASE("Hidden pages: the product's screens are no form that was opened and left",
          "[agent][evidence]") {
  Story screen;
  screen.see(0, "asana.com").see(50, "app.asana.com");
  loads(screen, 50.1, {"a.meter.com", "b.meter.com", "c.meter.com"});
  screen.room->finish();
  CHECK_FALSE(screen.of("asana").features.one_look);
  Story form;
  form.see(0, "asana.com").see(50, "app.asana.com");
  loads(form, 50.1, {"a.meter.com", "b.meter.com", "c.meter.com", "check.robots.com"});
  form.room->finish();
  CHECK(form.of("asana").features.one_look);
  CHECK(form.stage("asana") == Stage::visited);
}

TEST_CASE("Hidden pages: a hidden form ends the reading, a public page with a button does not",
          "[agent][evidence]") {
  const auto play = [](const char* beside) {
    Story story;
    story.see(0, "trello.com");
    loads(story, 0.1, {"a.ads.com"});
    loads(story, 10, {"check.robots.com", beside});
    loads(story, 50, {"b.meter.com", "c.meter.com", "d.meter.com"});
    story.room->finish();
    return story.of("trello").features;
  };
  const Features form = play("a.meter.com");
  CHECK_FALSE(form.site_read);
  CHECK(form.form_time);
  const Features page = play("b.ads.com");
  CHECK(page.site_read);
  CHECK_FALSE(page.form_time);
}

TEST_CASE("Hidden pages: a provider opened from a hidden form is a way in", "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com");
  loads(story, 0.1, {"a.ads.com"});
  loads(story, 50, {"check.robots.com", "a.meter.com"});
  story.see(57, "accounts.idp.com");
  story.room->finish();
  CHECK(story.of("trello").features.sequence);
}

TEST_CASE("Hidden pages: on the product's own host the first page with a button was the form",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com");
  story.see(30, "app.asana.com").see(30.2, "accounts.idp.com").see(70, "app.asana.com");
  CHECK(story.of("asana").features.form_time > 0.9);
  Story screens;
  screens.see(0, "asana.com").see(30, "app.asana.com").see(70, "app.asana.com");
  CHECK_FALSE(screens.of("asana").features.form_time);
  Story bookmark;  // sent to its sign-in at once, and what came then stayed hidden
  bookmark.see(30, "app.asana.com").see(30.2, "accounts.idp.com").see(70, "app.asana.com");
  CHECK_FALSE(bookmark.of("asana").features.form_time);
}

TEST_CASE("Hidden pages: reading began with the look beside another tab", "[agent][evidence]") {
  Story story;
  story.see(0, "www.news.example").see(0.3, "asana.com");
  story.see(40, "asana.com").see(50, "login.asana.com").see(55, "app.asana.com");
  CHECK(story.of("asana").features.site_read);
}

TEST_CASE("Hidden pages: who opens the product straight has read no public pages",
          "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com");
  loads(story, 0.1, {"a.meter.com", "b.meter.com", "c.meter.com"});
  story.see(70, "trello.com").see(71, "ws.trello.com");
  CHECK_FALSE(story.of("trello").features.site_read);
  CHECK_FALSE(story.of("trello").features.site_then_app);
  CHECK(story.says("trello", "opened straight"));
}

TEST_CASE("Hidden pages: a provider opened after a page of an unknown kind is a way in",
          "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com");
  loads(story, 0.1, {"a.ads.com"});
  loads(story, 45, {"a.meter.com", "b.meter.com"});
  story.see(52, "accounts.idp.com");
  story.room->finish();
  CHECK(story.of("trello").features.sequence);
  CHECK(story.of("trello").features.site_read == 1);
  Story reader;  // straight from public pages it may be somebody's mail
  reader.see(0, "trello.com").see(52, "accounts.idp.com");
  reader.room->finish();
  CHECK_FALSE(reader.of("trello").features.sequence);
}

TEST_CASE("Hidden pages: files beside another tab after the sign-in end the form's time",
          "[agent][evidence]") {
  Story story;
  story.see(0, "login.asana.com");
  story.see(8, "www.news.example").see(8.4, "cdn.asana.com").see(90, "app.asana.com");
  CHECK_FALSE(story.of("asana").features.form_time);
  CHECK_FALSE(story.of("asana").features.slow_arrival);
}
