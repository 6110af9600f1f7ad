#include "collector/unknowns/unknowns.h"

#include <map>
#include <random>

#include "tests/support/catch.h"
#include "tests/unit/collector/unknowns/tokens.h"

using namespace gnomon;
using namespace gnomon::testing;

namespace {

std::string device(std::size_t number) {
  return "d" + std::to_string(number);
}

// held_by stores token 1 on so many devices, seen on the 3rd and the 5th.
void held_by(TokenWorld& world, std::size_t devices) {
  for (std::size_t i = 0; i < devices; ++i) {
    world.send(device(i), report(token(1), 3, 5));
  }
  REQUIRE(world.unknowns.check());
}

}  // namespace

TEST_CASE("Unknowns: the epoch is the quarter, in UTC", "[collector][unknowns]") {
  using namespace std::chrono;
  const auto at_day = [](sys_days day) { return WallTime{day}; };
  CHECK(epoch_at(at_day(2026y / January / 1)) == 8104);
  CHECK(epoch_at(at_day(2026y / March / 31)) == 8104);
  CHECK(epoch_at(at_day(2026y / April / 1)) == 8105);
  CHECK(epoch_at(at_day(2026y / December / 31) + hours{23}) == kQuarter);
  CHECK(epoch_at(at_day(2027y / January / 1)) == kQuarter + 1);
}

TEST_CASE("Unknowns: below k devices nothing is asked, at k only those that hold it",
          "[collector][unknowns]") {
  TokenWorld world;
  held_by(world, 4);
  CHECK_FALSE(world.unknowns.question("d0"));
  CHECK(world.record().empty());
  world.send("d4", report(token(1), 4, 6));
  const auto news = world.unknowns.check();
  REQUIRE(news);
  CHECK(*news);
  const auto record = world.record();
  REQUIRE(record.size() == 1);
  CHECK(record[0].outcome == RevealOutcome::asked);
  CHECK(record[0].devices == 5);
  CHECK(record[0].domain.empty());
  CHECK_FALSE(world.unknowns.question("stranger"));
  const auto question = world.unknowns.question("d3");
  REQUIRE(question);
  CHECK(question->epoch == kQuarter);
  CHECK(question->tokens == std::vector<UnknownToken>{token(1).token});
}

TEST_CASE("Unknowns: k devices on one day are not enough", "[collector][unknowns]") {
  TokenWorld world;
  for (std::size_t i = 0; i < 7; ++i) {
    world.send(device(i), report(token(1), 5, 5));
  }
  REQUIRE(world.unknowns.check());
  CHECK_FALSE(world.unknowns.question("d0"));
  world.send("d0", report(token(1), 5, 6));
  REQUIRE(world.unknowns.check());
  CHECK(world.unknowns.question("d0"));
}

TEST_CASE("Unknowns: repeats, replays and devices enrolled anew never raise the count",
          "[collector][unknowns]") {
  std::mt19937 random{2026};  // NOLINT(cert-msc51-cpp): the same story every time
  for (int round = 0; round < 20; ++round) {
    TokenWorld world;
    std::map<std::uint8_t, std::map<std::string, std::pair<int, int>>> model;
    std::map<std::string, std::uint64_t> sequences;
    world.not_counted = {device(7), device(8)};
    for (int step = 0; step < 60; ++step) {
      const auto number = static_cast<std::uint8_t>(1 + random() % 3);
      const std::string from = device(random() % 9);
      const int first = 2 + static_cast<int>(random() % 3);
      const int last = first + static_cast<int>(random() % 2);
      const TokenReport one = report(token(number), first, last);
      if (random() % 3 == 0 && sequences[from] > 0) {
        // The agent did not hear the acknowledgement: the same batch again.
        std::promise<CommitOutcome> outcome;
        Upload again = upload(from, 1, 1 + random() % sequences[from], token_batch(one), at(21));
        world.company.store->submit(again,
                                    [&](CommitOutcome result) { outcome.set_value(result); });
        REQUIRE(outcome.get_future().get() == CommitOutcome::repeated);
        world.unknowns.touched({token(number)});
      } else {
        world.send(from, one);
        ++sequences[from];
        auto [entry, fresh] = model[number].try_emplace(from, first, last);
        entry->second = {std::min(entry->second.first, first),
                         std::max(entry->second.second, last)};
      }
      REQUIRE(world.unknowns.check());
      for (std::uint8_t each = 1; each <= 3; ++each) {
        std::set<std::string> holders;
        std::set<int> days;
        for (const auto& [name, span] : model[each]) {
          if (!world.not_counted.contains(name)) {
            holders.insert(name);
            days.insert({span.first, span.second});
          }
        }
        const bool due = holders.size() >= 5 && days.size() >= 2;
        const auto record = world.record();
        const auto asked =
            std::count_if(record.begin(), record.end(),
                          [&](const RevealRecord& line) { return line.token == token(each); });
        CAPTURE(round, step, each, holders.size(), days.size());
        CHECK((asked == 1) == due);
        CHECK(asked <= 1);
      }
    }
  }
}

TEST_CASE("Unknowns: one answer is not believed, two that agree are", "[collector][unknowns]") {
  TokenWorld world;
  held_by(world, 5);
  REQUIRE(world.tell("d0", "newtool.example"));
  CHECK(world.record().size() == 1);
  CHECK(RevealBook(*world.company.store, world.company.clock).domains()->empty());
  REQUIRE(world.tell("d1", "newtool.example"));
  const auto record = world.record();
  REQUIRE(record.size() == 2);
  CHECK(record[1].outcome == RevealOutcome::revealed);
  CHECK(record[1].domain == "newtool.example");
  CHECK(record[1].agreed == 2);
  const auto domains = RevealBook(*world.company.store, world.company.clock).domains();
  REQUIRE(domains->size() == 1);
  CHECK(domains->front().tokens == std::vector<TokenId>{token(1)});
  CHECK(domains->front().min_devices == 5);
  // Settled: nobody is asked again, also when more devices come or the collector starts anew.
  CHECK_FALSE(world.unknowns.question("d2"));
  held_by(world, 8);
  CHECK_FALSE(world.unknowns.question("d7"));
  Unknowns again{{*world.company.store,
                  *world.company.store,
                  world.company.clock,
                  world.company.counters,
                  [] { return small_pack(); },
                  {}},
                 {true}};
  REQUIRE(again.check());
  CHECK_FALSE(again.question("d3"));
}

TEST_CASE("Unknowns: the same device counts once, and what was not asked is not heard",
          "[collector][unknowns]") {
  TokenWorld world;
  held_by(world, 5);
  const wire::RevealReply reply{kQuarter, {{token(1).token, "newtool.example"}}};
  REQUIRE(world.unknowns.answered("d0", reply));  // nobody asked
  REQUIRE(world.tell("d0", "newtool.example"));
  REQUIRE(world.unknowns.answered("d0", reply));  // told already
  REQUIRE(world.unknowns.answered("stranger", reply));
  CHECK(world.record().size() == 1);
  CHECK_FALSE(world.unknowns.question("d0"));
}

TEST_CASE("Unknowns: who would not tell is no voice, and a lie needs a majority",
          "[collector][unknowns]") {
  TokenWorld world;
  held_by(world, 9);
  REQUIRE(world.tell("d0", ""));
  REQUIRE(world.tell("d1", "rival.example"));
  REQUIRE(world.tell("d2", "newtool.example"));
  REQUIRE(world.tell("d3", "www.newtool.example"));  // not a registrable domain: not heard
  CHECK(world.record().size() == 1);
  REQUIRE(world.tell("d4", "newtool.example"));  // two of three
  REQUIRE(world.record().size() == 2);
  CHECK(world.record()[1].domain == "newtool.example");
  CHECK(world.record()[1].told == 3);
  CHECK(world.company.counters.value("unknowns_answers_total{outcome=\"not-told\"}") == 1);
  CHECK(world.company.counters.value("unknowns_answers_total{outcome=\"implausible\"}") == 1);
}

TEST_CASE("Unknowns: a token whose devices do not agree is given up and recorded",
          "[collector][unknowns]") {
  TokenWorld world;
  held_by(world, Unknowns::kMaxAnswers + 4);
  std::size_t told = 0;
  for (std::size_t i = 0; i < Unknowns::kMaxAnswers + 4; ++i) {
    told += world.tell(device(i), "d" + std::to_string(i) + ".example") ? 1U : 0U;
  }
  CHECK(told == Unknowns::kMaxAnswers);
  const auto record = world.record();
  REQUIRE(record.size() == 2);
  CHECK(record[1].outcome == RevealOutcome::disputed);
  CHECK(record[1].domain.empty());
}

TEST_CASE("Unknowns: only a few devices are asked at once, and others when those are silent",
          "[collector][unknowns]") {
  TokenWorld world;
  held_by(world, 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(world.unknowns.question(device(i)).has_value() == (i < Unknowns::kMaxAsked));
  }
  // One that lost its connection before it answered is asked again.
  CHECK(world.unknowns.question("d0"));
  world.unknowns.ask_again();
  CHECK(world.unknowns.question("d19"));
}

TEST_CASE("Unknowns: a domain the catalogue knows by now is settled and not listed",
          "[collector][unknowns]") {
  TokenWorld world;
  held_by(world, 5);
  REQUIRE(world.tell("d0", "trello.com"));
  REQUIRE(world.tell("d1", "trello.com"));
  CHECK(world.record().at(1).outcome == RevealOutcome::known);
  CHECK(RevealBook(*world.company.store, world.company.clock).domains()->empty());
}

TEST_CASE("Unknowns: switched off it asks nothing and tells agents so", "[collector][unknowns]") {
  TokenWorld world{UnknownsOptions{}};
  CHECK_FALSE(world.unknowns.policy().enabled);
  held_by(world, 9);
  CHECK_FALSE(world.unknowns.question("d0"));
  CHECK(world.record().empty());
  CHECK((TokenWorld{}.unknowns.policy() == wire::UnknownsPolicy{true, kQuarter}));
}

TEST_CASE("Unknowns: tokens of an earlier quarter are not asked about", "[collector][unknowns]") {
  TokenWorld world;
  for (std::size_t i = 0; i < 6; ++i) {
    TokenReport old = report(token(1), 3, 5);
    old.epoch = kQuarter - 1;
    world.send(device(i), old);
  }
  REQUIRE(world.unknowns.check());
  CHECK(world.record().empty());
}
