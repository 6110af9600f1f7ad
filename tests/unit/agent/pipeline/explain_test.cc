#include "agent/explain.h"

#include "agent/spool/spool.h"
#include "core/counters.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

Batch batch_with(const std::string& tool, Stage stage, WallTime when) {
  Contact contact;
  contact.tool = tool;
  contact.role = Role::app;
  contact.stage = stage;
  contact.confidence = 870;
  contact.window_begin = when;
  contact.window_end = when + std::chrono::minutes{15};
  contact.first = when;
  contact.last = when + std::chrono::minutes{1};
  contact.tls = 4;
  contact.program = "firefox";
  contact.evidence = {{when, "opened its sign-in page", "id.atlassian.com", Role::login}};
  Batch batch;
  batch.contacts = {contact};
  batch.sealed = when;
  return batch;
}

TEST_CASE("explain: tells what was concluded, why, and what was reported, in words",
          "[agent][explain]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  const testing::ManualClock clock;
  Counters counters;
  SpoolOptions options;
  options.directory = folder.file("spool");
  const auto spool = Spool::open(files, clock, counters, options);
  REQUIRE(spool);
  REQUIRE((*spool)->append(batch_with("trello", Stage::signup_likely, clock.wall())));
  REQUIRE((*spool)->append(batch_with("asana", Stage::visited, clock.wall())));

  // The spool stays open: what a running agent holds can be read beside it.
  const auto history = read_spool(files, options.directory, nullptr);
  REQUIRE(history);
  REQUIRE(history->batches.size() == 2);
  CHECK(history->unreadable == 0);
  const std::string text = explain(*history, 1, [](std::string_view id) {
    return id == "trello" ? std::string{"Trello"} : std::string{id};
  });
  CAPTURE(text);
  CHECK(text.find("2 contacts with 2 tools") != std::string::npos);
  CHECK(text.find("Trello: signup-likely (probably, 87 %)\n  it looks like a new account") !=
        std::string::npos);
  CHECK(text.find("opened its sign-in page [id.atlassian.com]") != std::string::npos);
  CHECK(text.find("4 TLS, by firefox") != std::string::npos);
  CHECK(text.find("(1 of these wait to be sent)") > text.find("asana"));
  CHECK(text.find("Trello") < text.find("asana"));
}

TEST_CASE("explain: a tool is told by the person who got furthest with it", "[agent][explain]") {
  const testing::ManualClock clock;
  SpoolHistory history;
  history.batches.resize(2);
  history.batches[0].batch = batch_with("trello", Stage::signup_likely, clock.wall());
  history.batches[0].batch.contacts.front().user = "p-1";
  // A name looked up later by nobody known takes nothing of that back.
  history.batches[1].batch =
      batch_with("trello", Stage::mentioned, clock.wall() + std::chrono::minutes{5});
  const auto told = [&] { return explain(history, 9, [](auto id) { return std::string{id}; }); };
  CHECK(told().find("trello: signup-likely") != std::string::npos);
  // Of one person the newest judgement stands.
  history.batches[1].batch.contacts.front().user = "p-1";
  CHECK(told().find("trello: mentioned") != std::string::npos);
}

TEST_CASE("explain: says so when nothing was reported", "[agent][explain]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  const auto history = read_spool(files, folder.file("none"), nullptr);
  REQUIRE(history);
  const std::string text =
      explain(*history, 0, [](std::string_view id) { return std::string{id}; });
  CHECK(text.find("Nothing.") != std::string::npos);
}

TEST_CASE("explain: a declared loss is told", "[agent][explain]") {
  SpoolHistory history;
  Batch batch;
  batch.gaps.push_back({WallTime{}, WallTime{}, "spool-full", 12, 0, 0});
  history.batches.push_back({1, batch});
  const std::string text = explain(history, 0, [](std::string_view id) { return std::string{id}; });
  CHECK(text.find("spool-full, 12 contacts") != std::string::npos);
}

TEST_CASE("explain: one contact with one tool is told as one", "[agent][explain]") {
  const testing::ManualClock clock;
  SpoolHistory history;
  history.batches.push_back({1, batch_with("trello", Stage::visited, clock.wall())});
  history.batches[0].batch.gaps.push_back({WallTime{}, WallTime{}, "contact-unfit", 1, 0, 0});
  const std::string text = explain(history, 1, [](std::string_view id) { return std::string{id}; });
  CHECK(text.find("\n1 contact with 1 tool, ") != std::string::npos);
  CHECK(text.find("contact-unfit, 1 contact\n") != std::string::npos);
}

}  // namespace
}  // namespace gnomon
