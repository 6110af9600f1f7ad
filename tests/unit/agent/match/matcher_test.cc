#include "agent/match/matcher.h"

#include <atomic>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"

using gnomon::Counters;
using gnomon::DnsDetail;
using gnomon::Match;
using gnomon::Matcher;
using gnomon::Meaning;
using gnomon::Role;
using gnomon::RuleConfidence;
using gnomon::Sighting;
using gnomon::Source;
using gnomon::testing::PackBuilder;
using gnomon::testing::test_time;

namespace {

std::shared_ptr<const gnomon::RulePack> pack(Role trello = Role::app) {
  PackBuilder builder;
  builder.tool("trello");
  builder.tool("zendesk");
  builder.rule("trello.com", Meaning::tool, 0, trello);
  builder.rule("{tenant}.zendesk.com", Meaning::tool, 1, Role::app);
  builder.rule("cdn.zendesk.com", Meaning::tool, 1, Role::asset);
  builder.rule(".cloudfront.net", Meaning::shared);
  return builder.pack();
}

Sighting sighting(std::string host, Source source = Source::tls) {
  Sighting result;
  result.when = test_time();
  result.source = source;
  result.host = std::move(host);
  return result;
}

// answer is a DNS answer for `host` with these aliases, one after the other.
Sighting answer(const std::string& host, const std::vector<std::string>& aliases) {
  Sighting result = sighting(host, Source::dns);
  DnsDetail dns;
  dns.answer = true;
  std::string at = host;
  for (const std::string& alias : aliases) {
    dns.answers.push_back({at, 5, alias, 60});
    at = alias;
  }
  dns.answers.push_back({at, 1, "192.0.2.1", 60});
  result.dns = dns;
  return result;
}

}  // namespace

TEST_CASE("Matcher: a sighting of a known host carries all that the pack says", "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  const auto match = matcher.match(sighting("acme.zendesk.com"));
  REQUIRE(match);
  CHECK(match->meaning == Meaning::tool);
  CHECK(match->tool == *matcher.pack()->find_tool("zendesk"));
  CHECK(match->role == Role::app);
  CHECK(match->tenant == "acme");
  CHECK_FALSE(match->by_alias);
  CHECK(match->sighting.host == "acme.zendesk.com");
  CHECK(match->is(Meaning::tool));
}

TEST_CASE("Matcher: hosts are normalised, and what is none is counted", "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  for (const char* text : {"trello.com", "Trello.COM", "trello.com.", "trello.com:443"}) {
    CAPTURE(text);
    const auto match = matcher.match(sighting(text));
    REQUIRE(match);
    CHECK(match->sighting.host == "trello.com");
    CHECK(match->meaning == Meaning::tool);
  }
  for (const char* text : {"", ".", "192.0.2.1", "[2001:db8::1]", "2001:db8::1", "a..b",
                           "a\\032b.example", "tr\xc3\xa9llo.com"}) {
    CAPTURE(text);
    CHECK_FALSE(matcher.match(sighting(text)));
  }
  CHECK(counters.value("match_rejected_total{reason=\"no-host-name\"}") == 8);
}

TEST_CASE("Matcher: outcomes sum up to the sightings", "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  matcher.match(sighting("trello.com"));
  matcher.match(sighting("x.cloudfront.net"));
  matcher.match(sighting("news.example"));
  matcher.match(sighting("192.0.2.1"));
  matcher.match(answer("help.acme.example", {"acme.zendesk.com"}));
  CHECK(counters.value("match_sightings_total{meaning=\"tool\"}") == 1);
  CHECK(counters.value("match_sightings_total{meaning=\"other\"}") == 1);
  CHECK(counters.value("match_sightings_total{meaning=\"unknown\"}") == 1);
  CHECK(counters.value("match_sightings_total{meaning=\"alias\"}") == 1);
  CHECK(counters.value("match_rejected_total{reason=\"no-host-name\"}") == 1);
}

TEST_CASE("Matcher: an unknown host yields a match without meaning, for it may lead a burst",
          "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  const auto match = matcher.match(sighting("news.example"));
  REQUIRE(match);
  CHECK(match->meaning == Meaning::unknown);
}

TEST_CASE("Matcher: a company's own host that leads to a tool is at most content",
          "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  const auto match =
      matcher.match(answer("help.acme.example", {"lb.acme.example", "acme.zendesk.com"}));
  REQUIRE(match);
  CHECK(match->by_alias);
  CHECK(match->tool == *matcher.pack()->find_tool("zendesk"));
  CHECK(match->role == Role::content);
  CHECK(match->audience == gnomon::Audience::visitor);
  CHECK(match->confidence == RuleConfidence::medium);
  CHECK(match->tenant.empty());
  CHECK(match->sighting.host == "help.acme.example");

  SECTION("the connections that follow are told the same way") {
    const auto later = matcher.match(sighting("help.acme.example"));
    REQUIRE(later);
    CHECK(later->by_alias);
    CHECK(later->role == Role::content);
  }
  SECTION("until the answer is too old") {
    Sighting late = sighting("help.acme.example");
    late.when = test_time() + gnomon::kAliasLife + std::chrono::seconds{1};
    CHECK(matcher.match(std::move(late))->meaning == Meaning::unknown);
  }
  SECTION("or the pack has another opinion") {
    PackBuilder other;
    other.tool("trello");
    other.rule("trello.com");
    matcher.set_pack(other.pack());
    CHECK(matcher.match(sighting("help.acme.example"))->meaning == Meaning::unknown);
  }
}

TEST_CASE("Matcher: an alias to static files stays static files", "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  CHECK(matcher.match(answer("static.acme.example", {"cdn.zendesk.com"}))->role == Role::asset);
}

TEST_CASE("Matcher: aliases to shared infrastructure, loops and broken chains mean nothing",
          "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  CHECK(matcher.match(answer("www.acme.example", {"d1.cloudfront.net"}))->meaning ==
        Meaning::unknown);
  CHECK(matcher.match(answer("a.example", {"b.example", "a.example", "b.example"}))->meaning ==
        Meaning::unknown);
  Sighting loose = answer("c.example", {});
  loose.dns->answers.push_back({"d.example", 5, "acme.zendesk.com", 60});
  CHECK(matcher.match(std::move(loose))->meaning == Meaning::unknown);
  CHECK(matcher.match(answer("e.example", {"bad name"}))->meaning == Meaning::unknown);
}

TEST_CASE("Matcher: a known host is not overruled by its alias", "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  const auto match = matcher.match(answer("trello.com", {"acme.zendesk.com"}));
  CHECK_FALSE(match->by_alias);
  CHECK(match->role == Role::app);
}

TEST_CASE("Matcher: remembered aliases are bounded, the oldest go first", "[agent][match]") {
  Counters counters;
  Matcher matcher{pack(), counters};
  for (std::size_t i = 0; i <= gnomon::kMaxAliases; ++i) {
    matcher.match(answer("h" + std::to_string(i) + ".example", {"acme.zendesk.com"}));
  }
  CHECK(matcher.match(sighting("h0.example"))->meaning == Meaning::unknown);
  CHECK(matcher.match(sighting("h1.example"))->by_alias);
  CHECK(matcher.match(sighting("h" + std::to_string(gnomon::kMaxAliases) + ".example"))->by_alias);
}

TEST_CASE("Matcher: a pack can be swapped while sightings are matched", "[agent][match]") {
  constexpr int kSwaps = 200;
  Counters counters;
  Matcher matcher{pack(), counters};
  const auto first = pack(Role::app);
  const auto second = pack(Role::site);
  std::atomic<bool> done{false};
  std::thread swapper([&] {
    for (int i = 0; i < kSwaps; ++i) {
      matcher.set_pack(first);
      matcher.set_pack(second);
    }
    done = true;
  });
  // The swapper ends the test, not a number of matches: it may start late on a busy machine.
  int halves = 0;
  bool last = false;
  while (!last) {
    last = done;
    const auto match = matcher.match(sighting("trello.com"));
    const bool whole = match && (match->role == Role::app || match->role == Role::site);
    halves += whole ? 0 : 1;
  }
  swapper.join();
  CHECK(halves == 0);
  CHECK(matcher.pack() == second);
}
