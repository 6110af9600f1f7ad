#include "agent/match/unknown_ledger.h"

#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"

using gnomon::Meaning;
using gnomon::UnknownLedger;
using gnomon::UnknownPolicy;
using gnomon::WallTime;
using gnomon::testing::PackBuilder;
using gnomon::testing::test_time;

namespace {

PackBuilder builder() {
  PackBuilder builder;
  builder.tool("trello");
  builder.rule("trello.com");
  builder.rule(".shared.example", Meaning::shared);
  builder.content().suffixes = {{"example", gnomon::kSuffixPlain}, {"com", gnomon::kSuffixPlain}};
  return builder;
}

UnknownPolicy policy(std::uint8_t fill = 7, std::uint32_t min_days = 2) {
  return {true, std::vector<std::uint8_t>(32, fill), min_days};
}

WallTime day(int number) {
  return test_time() + std::chrono::days{number};
}

}  // namespace

TEST_CASE("UnknownLedger: off by default, and then nothing is remembered", "[agent][match]") {
  UnknownLedger ledger;
  const auto pack = builder().pack();
  ledger.see(*pack, "app.newtool.example", day(0));
  CHECK(ledger.size() == 0);
  UnknownPolicy weak = policy();
  weak.key.resize(8);
  ledger.set_policy(weak);
  ledger.see(*pack, "app.newtool.example", day(0));
  CHECK(ledger.size() == 0);
}

TEST_CASE("UnknownLedger: hosts are grouped by registrable domain, known and shared ones dropped",
          "[agent][match]") {
  UnknownLedger ledger;
  ledger.set_policy(policy());
  const auto pack = builder().pack();
  for (const char* host : {"app.newtool.example", "www.newtool.example", "newtool.example",
                           "trello.com", "x.shared.example", "shared.example", "example", ""}) {
    ledger.see(*pack, host, day(0));
  }
  CHECK(ledger.size() == 1);
}

TEST_CASE("UnknownLedger: a token is offered after enough days, once for each new day",
          "[agent][match]") {
  UnknownLedger ledger;
  ledger.set_policy(policy());
  const auto pack = builder().pack();
  ledger.see(*pack, "newtool.example", day(0));
  ledger.see(*pack, "newtool.example", day(0));
  CHECK(ledger.reports(10).empty());
  ledger.see(*pack, "newtool.example", day(1));
  const auto reports = ledger.reports(10);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].first == std::chrono::floor<std::chrono::days>(day(0)));
  CHECK(reports[0].last == std::chrono::floor<std::chrono::days>(day(1)));
  CHECK(ledger.reports(10).empty());
  ledger.see(*pack, "newtool.example", day(4));
  CHECK(ledger.reports(10).size() == 1);
}

TEST_CASE("UnknownLedger: tokens of one key are equal on all machines, of two keys they differ",
          "[agent][match]") {
  const auto pack = builder().pack();
  const auto token = [&](std::uint8_t fill) {
    UnknownLedger ledger;
    ledger.set_policy(policy(fill, 1));
    ledger.see(*pack, "newtool.example", day(0));
    return ledger.reports(1).at(0).token;
  };
  CHECK(token(7) == token(7));
  CHECK(token(7) != token(8));
}

TEST_CASE("UnknownLedger: a name is revealed only for a token that was offered, and if allowed",
          "[agent][match]") {
  const auto pack = builder().pack();
  UnknownLedger ledger;
  ledger.set_policy(policy(7, 1));
  ledger.see(*pack, "newtool.example", day(0));
  // Another machine's token of the same domain: this one has not offered it yet.
  UnknownLedger other;
  other.set_policy(policy(7, 1));
  other.see(*pack, "newtool.example", day(0));
  const auto token = other.reports(1).at(0).token;
  CHECK_FALSE(ledger.reveal(token, true));
  CHECK(ledger.reports(1).at(0).token == token);
  CHECK_FALSE(ledger.reveal(token, false));
  CHECK(ledger.reveal(token, true) == "newtool.example");
  CHECK_FALSE(ledger.reveal({}, true));
  SECTION("a new key makes old tokens worthless") {
    ledger.set_policy(policy(9, 1));
    CHECK_FALSE(ledger.reveal(token, true));
    CHECK(ledger.reports(1).size() == 1);
  }
  SECTION("turned off, the ledger forgets") {
    ledger.set_policy({});
    CHECK(ledger.size() == 0);
    CHECK_FALSE(ledger.reveal(token, true));
  }
}

TEST_CASE("UnknownLedger: what the catalogue learns later has its true first day",
          "[agent][match]") {
  UnknownLedger ledger;
  ledger.set_policy(policy());
  ledger.see(*builder().pack(), "app.newtool.example", day(0));
  ledger.see(*builder().pack(), "other.example", day(3));
  PackBuilder wiser = builder();
  const auto tool = wiser.tool("newtool");
  wiser.rule(".newtool.example", Meaning::tool, tool);
  const auto pack = wiser.pack();
  const auto learnt = ledger.learn(*pack);
  REQUIRE(learnt.size() == 1);
  CHECK(learnt[0].domain == "newtool.example");
  CHECK(pack->tool(learnt[0].tool).id == "newtool");
  CHECK(learnt[0].first == std::chrono::floor<std::chrono::days>(day(0)));
  CHECK(ledger.size() == 1);
  CHECK(ledger.learn(*pack).empty());
}

TEST_CASE("UnknownLedger: it is bounded, the domain longest not seen goes first",
          "[agent][match]") {
  UnknownLedger ledger;
  ledger.set_policy(policy(7, 1));
  const auto pack = builder().pack();
  for (std::size_t i = 0; i < UnknownLedger::kMaxDomains; ++i) {
    ledger.see(*pack, "d" + std::to_string(i) + ".example", day(i == 5 ? 0 : 1));
  }
  ledger.see(*pack, "late.example", day(2));
  CHECK(ledger.size() == UnknownLedger::kMaxDomains);
  ledger.see(*pack, "d5.example", day(3));
  const auto all = ledger.reports(UnknownLedger::kMaxDomains);
  CHECK(std::count_if(all.begin(), all.end(), [](const auto& report) {
          return report.first == std::chrono::floor<std::chrono::days>(day(0));
        }) == 0);
}

TEST_CASE("UnknownLedger: it survives a restart, and a damaged file is dropped whole",
          "[agent][match]") {
  UnknownLedger ledger;
  ledger.set_policy(policy(7, 1));
  const auto pack = builder().pack();
  ledger.see(*pack, "a.example", day(0));
  ledger.see(*pack, "b.example", day(1));
  REQUIRE(ledger.reports(1).size() == 1);
  const auto bytes = ledger.encode();
  UnknownLedger back;
  back.set_policy(policy(7, 1));
  REQUIRE(back.decode(bytes));
  CHECK(back.encode() == bytes);
  CHECK(back.reports(10).size() == 1);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto bad = bytes;
    bad[i] ^= 1;
    CHECK_FALSE(back.decode(bad));
    CHECK(back.size() == 0);
    CHECK_FALSE(back.decode(gnomon::Bytes{bytes}.first(i)));
  }
}
