// The way in: which page was the form, whose sign-in it was, and what came back from it.

#include <algorithm>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::Story;

TEST_CASE("Sign-in: reading ends where a page brings a robot check or a provider's button",
          "[agent][evidence]") {
  for (const char* sign : {"check.robots.com", "accounts.idp.com"}) {
    CAPTURE(sign);
    Story form;
    form.see(0, "asana.com").see(7, "cdn.asana.com").see(7.2, sign).see(26, "app.asana.com");
    CHECK_FALSE(form.of("asana").features.site_read);
    CHECK(form.of("asana").features.form_time);
  }
  Story pages;
  pages.see(0, "asana.com").see(7, "cdn.asana.com").see(26, "app.asana.com");
  CHECK(pages.of("asana").features.site_read);
  CHECK_FALSE(pages.of("asana").features.form_time);
  Story at_once;  // the public pages themselves carry the button
  at_once.see(0, "asana.com").see(0.3, "accounts.idp.com").see(26, "app.asana.com");
  CHECK(at_once.of("asana").features.site_read);
  Story elsewhere;  // another site's form
  elsewhere.see(0, "asana.com").see(7, "www.shop.example").see(7.2, "check.robots.com");
  elsewhere.see(26, "app.asana.com");
  CHECK(elsewhere.of("asana").features.site_read);
}

TEST_CASE("Sign-in: the product's host after public pages on another is its form",
          "[agent][evidence]") {
  Story passed;
  passed.see(0, "asana.com").see(10, "work.asana.com").see(29, "sync.asana.com");
  CHECK_FALSE(passed.of("asana").features.site_read);
  CHECK(passed.of("asana").features.form_time);
  Story read;
  read.see(0, "asana.com").see(28, "work.asana.com").see(35, "sync.asana.com");
  CHECK(read.of("asana").features.site_read);
  CHECK_FALSE(read.of("asana").features.form_time);
}

TEST_CASE("Sign-in: a provider opened from the form is a way in, though nothing after it is seen",
          "[agent][evidence]") {
  Story story;
  story.see(0, "asana.com").see(50, "app.asana.com").see(57, "accounts.idp.com");
  story.room->finish();
  CHECK(story.of("asana").features.sequence);
  CHECK_FALSE(story.of("asana").features.one_look);
  CHECK(story.says("asana", "hint: signed in through An Identity Provider"));
  CHECK(story.stage("asana") == Stage::signup_likely);
  Story another;  // another site sent there
  another.see(0, "asana.com").see(50, "app.asana.com").see(55, "www.shop.example");
  another.see(60, "accounts.idp.com");
  another.room->finish();
  CHECK_FALSE(another.of("asana").features.sequence);
  Story reader;  // public pages are no form
  reader.see(0, "asana.com").see(50, "accounts.idp.com");
  reader.room->finish();
  CHECK_FALSE(reader.of("asana").features.sequence);
  Story at_work;  // who works in it already does not sign in
  at_work.see(0, "app.asana.com").see(9, "app.asana.com").see(18, "app.asana.com");
  at_work.see(27, "accounts.idp.com");
  at_work.room->finish();
  CHECK_FALSE(at_work.of("asana").features.login_then_app);
}

TEST_CASE("Sign-in: the form's time runs on until something comes back from the provider",
          "[agent][evidence]") {
  Story story;
  story.see(0, "app.asana.com").see(6, "accounts.idp.com").see(40, "cdn.asana.com");
  CHECK(story.of("asana").features.form_time);
}

TEST_CASE("Sign-in: through the company's own sign-in it is no find", "[agent][evidence]") {
  const auto play = [](const std::string& provider) {
    Story story;
    story.see(0, "asana.com").see(50, "login.asana.com").see(60, provider);
    story.see(95, "app.asana.com");
    return story.of("asana");
  };
  CHECK(play("accounts.idp.com").verdict.stage == Stage::signup_likely);
  const Judgement own = play("acme.company-idp.com");
  CHECK(own.features.company_sign_in);
  CHECK(own.verdict.stage == Stage::visited);
  Story told;
  told.see(0, "login.asana.com").see(8, "acme.company-idp.com").see(14, "app.asana.com");
  CHECK(told.says("asana", "the company's own sign-in at An Identity Provider"));
  Story later;  // the company's sign-in for something else, after the account was made
  later.see(0, "asana.com").see(50, "login.asana.com").see(90, "app.asana.com");
  later.see(400, "www.intranet.example").see(410, "acme.company-idp.com");
  CHECK_FALSE(later.of("asana").features.company_sign_in);
}

TEST_CASE(
    "Sign-in: a sign-in that goes out and comes back in one page load is no visit to a provider",
    "[agent][evidence]") {
  Story story;  // the form's page loads the provider's button before its own host shows
  story.see(0, "asana.com").see(30, "accounts.idp.com").see(30.2, "app.asana.com");
  CHECK_FALSE(story.of("asana").features.sequence);
}

TEST_CASE("Sign-in: who comes back from the provider is counted beside another page too",
          "[agent][evidence]") {
  Story back;
  back.see(0, "asana.com").see(30, "accounts.idp.com");
  back.see(45, "www.news.example").see(45.3, "boards.asana.com");
  CHECK(back.of("asana").features.sequence);
  Story carried;  // nobody was sent there
  carried.see(45, "www.news.example").see(45.3, "boards.asana.com");
  CHECK(carried.stage("asana") == Stage::embedded);
}

TEST_CASE("Sign-in: a vendor's shared pages and a provider lead to the tool that opens next",
          "[agent][evidence]") {
  Story story;
  story.see(0, "www.atlassian.com").see(40, "accounts.idp.com").see(60, "trello.com");
  CHECK(story.of("trello").features.sequence);
  Story carried;  // a file or frame on another page is not what was opened
  carried.see(0, "www.atlassian.com").see(40, "accounts.idp.com");
  carried.see(60, "www.news.example").see(60.2, "cdn.trello.com");
  CHECK_FALSE(carried.of("trello").features.login_then_app);
}

TEST_CASE("Sign-in: a page opened from a mail may show by its files alone", "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com").see(70, "mail.acme.example").see(95, "cdn.trello.com");
  CHECK(story.of("trello").features.mail_click);
  Story stranger;  // never looked before: an invitation or a newsletter
  stranger.see(70, "mail.acme.example").see(95, "cdn.trello.com");
  CHECK_FALSE(stranger.of("trello").features.mail_click);
  Story no_mail;
  no_mail.see(0, "trello.com").see(95, "cdn.trello.com");
  CHECK_FALSE(no_mail.of("trello").features.mail_click);
}

TEST_CASE("Sign-in: a link's host that a page loads as a pixel was not clicked",
          "[agent][evidence]") {
  Story pixel;
  pixel.see(0, "id.atlassian.com").see(60, "www.news.example");
  pixel.see(60.2, "mail-links.asana.com").see(66, "trello.com");
  CHECK_FALSE(pixel.of("trello").features.mail_click);
  Story click;
  click.see(0, "id.atlassian.com").see(60, "mail-links.asana.com").see(60.4, "trello.com");
  CHECK(click.of("trello").features.mail_click);
}

TEST_CASE("Sign-in: the time at the form ends with the click in the mail", "[agent][evidence]") {
  Story story;
  story.see(0, "app.asana.com").see(70, "mail-links.asana.com");
  CHECK(story.of("asana").features.form_time);
  Story days;  // the form of another sitting says nothing
  days.see(0, "asana.com").see(9, "app.asana.com").see(1500, "mail-links.asana.com");
  CHECK_FALSE(days.of("asana").features.form_time);
}

TEST_CASE("Sign-in: public pages beside another tab make its product expected",
          "[agent][evidence]") {
  Story story;
  story.see(0, "www.news.example").see(0.3, "www.boards.com").see(45, "boards.com");
  CHECK(story.stage("boards") == Stage::visited);
  Story frame;  // only the host that other pages carry was seen
  frame.see(0, "www.news.example").see(0.3, "boards.com").see(45, "boards.com");
  CHECK(frame.stage("boards") == Stage::embedded);
}

TEST_CASE("Sign-in: a back end that an earlier page load of the host did without is the product's",
          "[agent][evidence]") {
  Story story;
  story.see(0, "trello.com").see(60, "trello.com").see(60.4, "api.trello.com");
  CHECK(story.of("trello").features.back_end_later);
  Story asks;  // its public pages ask who is signed in
  asks.see(0, "trello.com").see(0.4, "api.trello.com");
  asks.see(60, "trello.com").see(60.4, "api.trello.com");
  CHECK_FALSE(asks.of("trello").features.back_end_later);
}

TEST_CASE("Sign-in: however much speaks for it, a form that was only opened makes no account",
          "[agent][evidence]") {
  Story story;  // read for minutes, and the back end asked by a later public page
  story.see(0, "www.survey.com").see(70, "script.counter.com").see(70.4, "api.survey.com");
  story.see(130, "signup.survey.com");
  CHECK(story.of("survey").features.back_end_later);
  CHECK(story.of("survey").features.site_read);
  CHECK(story.stage("survey") == Stage::visited);
  story.see(190, "admin.survey.com");
  CHECK(story.stage("survey") == Stage::signup_likely);
  Story mail;  // whoever gets a mail has sent the form
  mail.see(0, "www.survey.com").see(70, "signup.survey.com").see(130, "links.survey.com");
  CHECK(mail.stage("survey") == Stage::signup_likely);
}

TEST_CASE("Sign-in: a program that calls an API on the host of the public pages is an integration",
          "[agent][evidence]") {
  Story story;
  story.program = "python3.11";
  story.see(0, "team.survey.com");
  CHECK(story.stage("survey") == Stage::integrated);
  Story pages;  // a program that fetches public pages uses nothing
  pages.program = "python3.11";
  pages.see(0, "www.survey.com");
  CHECK(pages.stage("survey") != Stage::integrated);
}

TEST_CASE("Sign-in: public pages that ask the sign-in who is there open none",
          "[agent][evidence]") {
  Story asks;
  asks.see(0, "asana.com").see(0.2, "login.asana.com").see(60, "app.asana.com");
  CHECK_FALSE(asks.of("asana").features.sequence);
  CHECK_FALSE(asks.of("asana").features.form_time);
  Story family;  // the one that a vendor's tools share, beside a page of one of them
  family.see(0, "trello.com").see(0.2, "id.atlassian.com").see(60, "ws.trello.com");
  CHECK_FALSE(family.of("trello").features.form_time);
  Story opened;
  opened.see(0, "asana.com").see(20, "login.asana.com").see(60, "app.asana.com");
  CHECK(opened.of("asana").features.sequence);
}

TEST_CASE("Sign-in: what its first page loads of the product is not yet the product",
          "[agent][evidence]") {
  Story story;
  story.see(0, "login.asana.com").see(0.3, "app.asana.com");
  CHECK_FALSE(story.of("asana").features.login_then_app);
  story.see(40, "app.asana.com");
  CHECK(story.of("asana").features.login_then_app);
  CHECK(story.of("asana").features.form_time == 1);
}

TEST_CASE("Sign-in: a stage that a provider or a hidden page decides is told soon, too",
          "[agent][evidence]") {
  const auto told = [](const Story& story) {
    return std::any_of(story.contacts.begin(), story.contacts.end(), [](const Contact& contact) {
      return contact.tool == "asana" && contact.stage == Stage::signup_likely;
    });
  };
  Story provider;
  provider.see(0, "asana.com").see(50, "app.asana.com").see(57, "accounts.idp.com");
  provider.room->advance(gnomon::testing::at(70));
  CHECK_FALSE(told(provider));  // nobody has an account yet
  provider.room->advance(gnomon::testing::at(110));
  CHECK(told(provider));
  Story page;
  page.see(0, "asana.com").see(50, "start.asana.com");
  page.see(95, "b.meter.com").see(95.1, "c.meter.com");
  page.room->advance(gnomon::testing::at(110));
  CHECK(told(page));
}

TEST_CASE("Sign-in: a mail that confirms leads through the sign-in to the product at once",
          "[agent][evidence]") {
  Story story;  // the form was sent long before
  story.see(0, "www.survey.com").see(70, "signup.survey.com").see(150, "login.survey.com");
  story.see(150.2, "admin.survey.com");
  CHECK(story.of("survey").features.sequence);
}
