#include "agent/match/unknown_ledger.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"

namespace gnomon {
namespace {

using testing::PackBuilder;
using testing::test_time;

PackBuilder builder() {
  PackBuilder builder;
  builder.tool("trello");
  builder.rule("trello.com");
  builder.rule(".shared.example", Meaning::shared);
  builder.rule(".noise.example", Meaning::browser_noise);
  builder.content().suffixes = {{"example", kSuffixPlain},
                                {"com", kSuffixPlain},
                                {"co.uk", kSuffixPlain},
                                {"uk", kSuffixPlain}};
  return builder;
}

WallTime day(int number) {
  return test_time() + std::chrono::days{number};
}

std::vector<std::string> names(const UnknownLedger& ledger) {
  std::vector<std::string> all;
  for (const auto& [name, domain] : ledger.domains()) {
    all.push_back(name);
  }
  return all;
}

TEST_CASE("UnknownLedger: hosts are grouped by registrable domain, known and shared ones dropped",
          "[agent][match]") {
  UnknownLedger ledger;
  const auto pack = builder().pack();
  for (const char* host : {"app.newtool.example", "www.newtool.example", "newtool.example",
                           "a.b.shop.co.uk", "trello.com", "x.shared.example", "shared.example",
                           "x.noise.example", "example", "co.uk", ""}) {
    ledger.see(*pack, host, day(0), Manner::opened);
  }
  CHECK(names(ledger) == std::vector<std::string>{"newtool.example", "shop.co.uk"});
  CHECK(ledger.domains().at("newtool.example").hosts.size() == 3);
  CHECK(ledger.domains().at("newtool.example").sightings == 3);
}

TEST_CASE("UnknownLedger: what names no site on the internet is never remembered",
          "[agent][match]") {
  UnknownLedger ledger{{std::chrono::days{400}, {"corp.example", "acme-inside"}}};
  const auto pack = builder().pack();
  for (const char* host :
       {"printer.local", "wiki.internal", "nas.lan", "router.home.arpa", "fritz.box", "localhost",
        "192.0.2.7", "7.2.0.192.in-addr.arpa", "intranet", "wiki.corp.example", "corp.example",
        "build.acme-inside", "x.onion", "_ldap._tcp.dc.newtool.example", "a.invalid", "a.test"}) {
    CAPTURE(host);
    ledger.see(*pack, host, day(0), Manner::opened);
    CHECK(ledger.domains().empty());
  }
  // The ends of names are compared label by label.
  ledger.see(*pack, "notcorp.example", day(0), Manner::opened);
  CHECK(names(ledger) == std::vector<std::string>{"notcorp.example"});
}

TEST_CASE("UnknownLedger: days are counted by what was opened, once each", "[agent][match]") {
  UnknownLedger ledger;
  const auto pack = builder().pack();
  ledger.see(*pack, "newtool.example", day(0), Manner::named);
  ledger.see(*pack, "cdn.newtool.example", day(1), Manner::carried);
  CHECK(ledger.domains().at("newtool.example").days_opened == 0);
  for (const int number : {2, 2, 3, 3, 2}) {
    ledger.see(*pack, "app.newtool.example", day(number), Manner::opened);
  }
  const UnknownDomain& domain = ledger.domains().at("newtool.example");
  CHECK(domain.days_opened == 2);
  CHECK(domain.first == day(0));
  CHECK(domain.last == day(3));
  CHECK(domain.sightings == 7);
  REQUIRE(domain.hosts.size() == 3);
  CHECK(domain.hosts[0].manner == Manner::named);
  CHECK(domain.hosts[1].manner == Manner::carried);
  CHECK(domain.hosts[2].manner == Manner::opened);
}

TEST_CASE("UnknownLedger: switched off it remembers nothing, and old domains are forgotten",
          "[agent][match]") {
  const auto pack = builder().pack();
  UnknownLedger off{{std::chrono::days{0}, {}}};
  off.see(*pack, "newtool.example", day(0), Manner::opened);
  CHECK(off.domains().empty());

  UnknownLedger month{{std::chrono::days{30}, {}}};
  month.see(*pack, "old.example", day(0), Manner::opened);
  month.see(*pack, "kept.example", day(1), Manner::opened);
  month.see(*pack, "new.example", day(31), Manner::opened);
  CHECK(names(month) == std::vector<std::string>{"kept.example", "new.example"});
}

TEST_CASE("UnknownLedger: it is bounded, and names that were only looked up go first",
          "[agent][match]") {
  UnknownLedger ledger;
  const auto pack = builder().pack();
  ledger.see(*pack, "opened.example", day(0), Manner::opened);
  for (std::size_t i = 0; i < UnknownLedger::kMaxDomains + 10; ++i) {
    ledger.see(*pack, "d" + std::to_string(i) + ".example", day(i == 5 ? 1 : 2), Manner::named);
  }
  CHECK(ledger.domains().size() == UnknownLedger::kMaxDomains);
  CHECK(ledger.domains().contains("opened.example"));
  CHECK_FALSE(ledger.domains().contains("d5.example"));

  for (int i = 0; i < 10; ++i) {
    ledger.see(*pack, "h" + std::to_string(i) + ".opened.example", day(3), Manner::opened);
  }
  ledger.see(*pack, std::string(UnknownLedger::kMaxHostBytes, 'a') + ".b.example", day(3),
             Manner::opened);
  CHECK(ledger.domains().at("opened.example").hosts.size() == UnknownLedger::kMaxHosts);
  CHECK(ledger.domains().at("b.example").hosts.empty());
}

TEST_CASE("UnknownLedger: the catalogue learns a tool with its true first day and its role",
          "[agent][match]") {
  UnknownLedger ledger;
  ledger.see(*builder().pack(), "cdn.newtool.example", day(-90), Manner::carried);
  ledger.see(*builder().pack(), "app.newtool.example", day(-60), Manner::opened);
  ledger.see(*builder().pack(), "eu.newtool.example", day(-50), Manner::opened);
  ledger.see(*builder().pack(), "other.example", day(-3), Manner::opened);
  PackBuilder wiser = builder();
  const auto tool = wiser.tool("newtool");
  wiser.rule("app.newtool.example", Meaning::tool, tool, Role::app);
  wiser.rule("eu.newtool.example", Meaning::tool, tool, Role::app);
  wiser.rule("cdn.newtool.example", Meaning::tool, tool, Role::asset);
  const auto pack = wiser.pack();
  const auto learnt = ledger.learn(*pack);
  REQUIRE(learnt.size() == 2);
  CHECK(learnt[0].tool == "newtool");
  CHECK(learnt[0].role == Role::app);
  CHECK(learnt[0].manner == Manner::opened);
  CHECK(learnt[0].first == day(-60));
  CHECK(learnt[0].last == day(-50));
  CHECK(learnt[1].role == Role::asset);
  CHECK(learnt[1].manner == Manner::carried);
  CHECK(names(ledger) == std::vector<std::string>{"other.example"});
  CHECK(ledger.known_before() == std::vector<std::string>{"newtool"});
  CHECK(ledger.learn(*pack).empty());
}

TEST_CASE("UnknownLedger: a domain's own rule speaks for hosts beyond the first few",
          "[agent][match]") {
  UnknownLedger ledger;
  for (const char* host : {"a.newtool.example", "b.newtool.example"}) {
    ledger.see(*builder().pack(), host, day(0), Manner::opened);
  }
  PackBuilder wiser = builder();
  const auto tool = wiser.tool("newtool");
  SECTION("one day makes no former user") {
    wiser.rule(".newtool.example", Meaning::tool, tool, Role::site);
    const auto learnt = ledger.learn(*wiser.pack());
    REQUIRE(learnt.size() == 1);
    CHECK(learnt[0].role == Role::site);
    CHECK(ledger.known_before().empty());
  }
  SECTION("hosts that turn out to be noise or shared are dropped without a word") {
    wiser.rule(".newtool.example", Meaning::shared);
    CHECK(ledger.learn(*wiser.pack()).empty());
    CHECK(ledger.domains().empty());
  }
  SECTION("one that turns out to be shared leaves the other") {
    wiser.rule("a.newtool.example", Meaning::shared);
    CHECK(ledger.learn(*wiser.pack()).empty());
    REQUIRE(ledger.domains().size() == 1);
    CHECK(ledger.domains().begin()->second.hosts.size() == 1);
  }
}

TEST_CASE("UnknownLedger: it survives a restart, and knows when that is worth it",
          "[agent][match]") {
  UnknownLedger ledger;
  const auto pack = builder().pack();
  CHECK_FALSE(ledger.changed());
  ledger.see(*pack, "a.example", day(0), Manner::opened);
  ledger.see(*pack, "app.a.example", day(1), Manner::carried);
  ledger.see(*pack, "b.example", day(1), Manner::named);
  CHECK(ledger.changed());
  ledger.saved();
  ledger.see(*pack, "b.example", day(1) + std::chrono::minutes{1}, Manner::named);
  CHECK_FALSE(ledger.changed());
  ledger.see(*pack, "b.example", day(1) + std::chrono::minutes{2}, Manner::opened);
  CHECK(ledger.changed());

  const auto bytes = ledger.encode();
  UnknownLedger back;
  REQUIRE(back.decode(bytes));
  CHECK(back.encode() == bytes);
  CHECK(back.domains() == ledger.domains());
  UnknownLedger empty;
  REQUIRE(back.decode(empty.encode()));
  CHECK(back.domains().empty());
}

TEST_CASE("UnknownLedger: what may no longer be remembered is dropped when it is read",
          "[agent][match]") {
  UnknownLedger ledger;
  const auto pack = builder().pack();
  ledger.see(*pack, "app.a.example", day(0), Manner::opened);
  ledger.see(*pack, "wiki.ours.example", day(0), Manner::opened);
  UnknownLedger stricter{{std::chrono::days{400}, {"ours.example"}}};
  REQUIRE(stricter.decode(ledger.encode()));
  CHECK(names(stricter) == std::vector<std::string>{"a.example"});
  CHECK(stricter.changed());
  UnknownLedger off{{std::chrono::days{0}, {}}};
  REQUIRE(off.decode(ledger.encode()));
  CHECK(off.domains().empty());
}

TEST_CASE("UnknownLedger: cut bytes are no ledger, changed ones none or one that encodes the same",
          "[agent][match]") {
  UnknownLedger ledger;
  const auto pack = builder().pack();
  ledger.see(*pack, "app.a.example", day(0), Manner::opened);
  ledger.see(*pack, "b.example", day(1), Manner::named);
  const auto bytes = ledger.encode();
  UnknownLedger back;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    CAPTURE(i);
    CHECK_FALSE(back.decode(Bytes{bytes}.first(i)));
    CHECK(back.domains().empty());
    for (const int value : {0x00, 0xff, 0x41}) {
      auto bad = bytes;
      bad[i] = static_cast<std::uint8_t>(value);
      if (back.decode(bad)) {
        CHECK(back.encode() == bad);
      }
    }
  }
  auto longer = bytes;
  longer.push_back(0);
  CHECK_FALSE(back.decode(longer));
}

}  // namespace
}  // namespace gnomon
