#include "agent/unknown_reports.h"

#include <map>
#include <random>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/fake_rule_pack.h"

namespace gnomon {
namespace {

using testing::FakeRulePack;

constexpr std::uint32_t kEpoch = 8107;

// A pack that knows nothing; every host is its own registrable domain.
std::shared_ptr<const RulePack> pack() {
  static const auto made = std::make_shared<const FakeRulePack>();
  return made;
}

WallTime day(int number) {
  using namespace std::chrono;
  return WallTime{sys_days{year{2026} / November / 3} + days{number} + hours{12}};
}

std::string secret(char fill = 'k') {
  return std::string(32, fill);
}

// Opened is a ledger in which each domain was opened on the days 0 to `days` - 1.
UnknownLedger opened(const std::vector<std::string>& domains, int days) {
  UnknownLedger ledger;
  for (int i = 0; i < days; ++i) {
    for (const std::string& domain : domains) {
      ledger.see(*pack(), domain, day(i), Manner::opened);
    }
  }
  return ledger;
}

UnknownReports willing(char fill = 'k') {
  UnknownReports reports{true, secret(fill)};
  reports.set_policy({true, kEpoch});
  return reports;
}

std::vector<DueReport> leave(UnknownReports& reports, const UnknownLedger& ledger) {
  auto due = reports.due(ledger, 100);
  reports.mark(due);
  return due;
}

wire::RevealReply ask(UnknownReports& reports, const UnknownLedger& ledger,
                      std::vector<UnknownToken> tokens, std::uint32_t epoch = kEpoch,
                      WallTime now = day(5)) {
  return reports.answer({epoch, std::move(tokens)}, ledger, now);
}

TEST_CASE("UnknownReports: nothing leaves unless machine, collector and key all say so",
          "[agent][unknowns]") {
  const UnknownLedger ledger = opened({"newtool.example"}, 3);
  const UnknownToken token = unknown_token(secret(), kEpoch, "newtool.example");
  struct Case {
    bool allowed;
    bool enabled;
    std::string secret;
    bool leaves;
  };
  for (const Case& one : {Case{true, true, secret(), true}, Case{false, true, secret(), false},
                          Case{true, false, secret(), false}, Case{true, true, "", false},
                          Case{true, true, "short", false}}) {
    UnknownReports reports{one.allowed, one.secret};
    reports.set_policy({one.enabled, kEpoch});
    CHECK(reports.obstacle().empty() == one.leaves);
    CHECK(leave(reports, ledger).size() == (one.leaves ? 1U : 0U));
    CHECK(ask(reports, ledger, {token}).answers.at(0).domain ==
          (one.leaves ? "newtool.example" : ""));
    CHECK(reports.reveals().size() == (one.leaves ? 1U : 0U));
  }
  UnknownReports unheard{true, secret()};
  CHECK(unheard.due(ledger, 100).empty());
}

TEST_CASE("UnknownReports: a token needs two days, and leaves again a week later at the earliest",
          "[agent][unknowns]") {
  UnknownReports reports = willing();
  UnknownLedger ledger = opened({"newtool.example"}, 1);
  ledger.see(*pack(), "named.example", day(0), Manner::named);
  ledger.see(*pack(), "named.example", day(1), Manner::named);
  ledger.see(*pack(), "carried.example", day(0), Manner::carried);
  ledger.see(*pack(), "carried.example", day(1), Manner::carried);
  CHECK(leave(reports, ledger).empty());
  ledger.see(*pack(), "newtool.example", day(1), Manner::opened);
  const auto due = leave(reports, ledger);
  REQUIRE(due.size() == 1);
  CHECK(due[0].report.token == unknown_token(secret(), kEpoch, "newtool.example"));
  CHECK(due[0].report.epoch == kEpoch);
  CHECK(due[0].report.last_day == due[0].report.first_day + 1);
  ledger.see(*pack(), "newtool.example", day(7), Manner::opened);
  CHECK(leave(reports, ledger).empty());
  ledger.see(*pack(), "newtool.example", day(8), Manner::opened);
  CHECK(leave(reports, ledger).size() == 1);
  CHECK(leave(reports, ledger).empty());
}

TEST_CASE("UnknownReports: tokens are equal on all machines of a company and epoch, else differ",
          "[agent][unknowns]") {
  const auto token = unknown_token(secret(), kEpoch, "newtool.example");
  CHECK(token == unknown_token(secret(), kEpoch, "newtool.example"));
  CHECK(token != unknown_token(secret('x'), kEpoch, "newtool.example"));
  CHECK(token != unknown_token(secret(), kEpoch + 1, "newtool.example"));
  CHECK(token != unknown_token(secret(), kEpoch, "newtool2.example"));
}

TEST_CASE("UnknownReports: a name is told only for a token that left from here, in its epoch",
          "[agent][unknowns]") {
  UnknownReports reports = willing();
  UnknownLedger ledger = opened({"newtool.example"}, 2);
  const auto token = unknown_token(secret(), kEpoch, "newtool.example");
  // Another machine offered it; this one has not yet.
  CHECK(ask(reports, ledger, {token}).answers.at(0).domain.empty());
  REQUIRE(leave(reports, ledger).size() == 1);
  CHECK(ask(reports, ledger, {token}, kEpoch - 1).answers.at(0).domain.empty());
  const auto reply = ask(reports, ledger, {UnknownToken{}, token});
  REQUIRE(reply.answers.size() == 2);
  CHECK(reply.answers[0].domain.empty());
  CHECK(reply.answers[1].domain == "newtool.example");
  CHECK(reports.reveals() == std::vector<Reveal>{{"newtool.example", day(5)}});

  SECTION("a new epoch makes the old tokens worthless") {
    reports.set_policy({true, kEpoch + 1});
    CHECK(ask(reports, ledger, {token}).answers.at(0).domain.empty());
    const auto due = leave(reports, ledger);
    REQUIRE(due.size() == 1);
    CHECK(due[0].report.token != token);
  }
  SECTION("switched off and on again, what was offered before is not told") {
    reports.set_policy({false, kEpoch});
    CHECK(ask(reports, ledger, {token}).answers.at(0).domain.empty());
    reports.set_policy({true, kEpoch});
    CHECK(ask(reports, ledger, {token}).answers.at(0).domain.empty());
  }
  SECTION("what the ledger no longer holds is not told") {
    const UnknownLedger empty;
    CHECK(ask(reports, empty, {token}).answers.at(0).domain.empty());
    reports.follow(empty);
    CHECK(reports.left_count() == 0);
  }
}

TEST_CASE("UnknownReports: only so many names are told a day", "[agent][unknowns]") {
  UnknownReports reports = willing();
  std::vector<std::string> domains;
  for (std::uint32_t i = 0; i < UnknownReports::kMaxRevealsADay + 8; ++i) {
    domains.push_back("d" + std::to_string(i) + ".example");
  }
  const UnknownLedger ledger = opened(domains, 2);
  std::vector<UnknownToken> tokens;
  for (const DueReport& due : leave(reports, ledger)) {
    tokens.push_back(due.report.token);
  }
  const auto told = [&](WallTime now) {
    std::size_t count = 0;
    for (const auto& answer : ask(reports, ledger, tokens, kEpoch, now).answers) {
      count += answer.domain.empty() ? 0U : 1U;
    }
    return count;
  };
  CHECK(told(day(5)) == UnknownReports::kMaxRevealsADay);
  CHECK(told(day(5)) == UnknownReports::kMaxRevealsADay);  // those told before, and no others
  CHECK(reports.reveals().size() == UnknownReports::kMaxRevealsADay);
  // A restart does not begin the day anew.
  UnknownReports again{true, secret()};
  REQUIRE(again.decode(reports.encode()));
  CHECK(again.answer({kEpoch, tokens}, ledger, day(5)).answers.back().domain.empty());
  CHECK(told(day(6)) == tokens.size());
}

TEST_CASE("UnknownReports: it survives a restart; cut bytes are none of ours",
          "[agent][unknowns]") {
  UnknownReports reports = willing();
  const UnknownLedger ledger = opened({"a.example", "b.example"}, 2);
  REQUIRE(leave(reports, ledger).size() == 2);
  ask(reports, ledger, {unknown_token(secret(), kEpoch, "a.example")});
  const auto bytes = reports.encode();
  UnknownReports back{true, secret()};
  REQUIRE(back.decode(bytes));
  CHECK(back.encode() == bytes);
  CHECK(back.policy() == reports.policy());
  CHECK(back.due(ledger, 100).empty());
  CHECK(back.left("a.example") == reports.left("a.example"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    CAPTURE(i);
    UnknownReports cut{true, secret()};
    CHECK_FALSE(cut.decode(Bytes{bytes}.first(i)));
    CHECK(cut.left_count() == 0);
    for (const int value : {0x00, 0xff, 0x41}) {
      auto bad = bytes;
      bad[i] = static_cast<std::uint8_t>(value);
      UnknownReports changed{true, secret()};
      if (changed.decode(bad)) {
        CHECK(changed.encode() == bad);
      }
    }
  }
}

}  // namespace
}  // namespace gnomon
