// Tokens of devices, stored: what the tests of unknown domains look at.

#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "collector/unknowns/unknowns.h"
#include "tests/support/company.h"
#include "tests/support/fake_rule_pack.h"

namespace gnomon::testing {

// kQuarter is the epoch of all of 2026's last quarter, in which the tests' November lies.
constexpr std::uint32_t kQuarter = 2026 * 4 + 3;

// A token as one machine would make it; which one is all that matters here.
inline TokenId token(std::uint8_t number) {
  UnknownToken bytes{};
  bytes.fill(number);
  return {kQuarter, bytes};
}

inline std::uint32_t day_number(int day_of_november) {
  return static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::days>(at(day_of_november)).time_since_epoch().count());
}

inline TokenReport report(const TokenId& token, int first, int last) {
  return {token.token, token.epoch, day_number(first), day_number(last)};
}

// token_batch is sealed on the day after.
inline Batch token_batch(const TokenReport& one) {
  Batch batch;
  batch.unknowns = {one};
  batch.sealed = WallTime{std::chrono::days{one.last_day + 1}};
  return batch;
}

inline std::shared_ptr<const RulePack> small_pack(bool with_newtool = false) {
  auto pack = std::make_shared<FakeRulePack>();
  pack->add_host("trello.com", Meaning::tool, pack->add_tool("trello"), Role::app);
  if (with_newtool) {
    pack->add_host("newtool.example", Meaning::tool, pack->add_tool("newtool"), Role::app);
  }
  return pack;
}

// TokenWorld is a company whose devices send tokens, with the room that follows them.
class TokenWorld {
 public:
  explicit TokenWorld(UnknownsOptions options = {true})
      : unknowns({*company.store, *company.store, company.clock, company.counters,
                  [] { return small_pack(); },
                  [this] { return Result<std::set<std::string>, IoError>{not_counted}; }},
                 options) {}

  // send stores one batch of `device` and tells the room, as the store does.
  void send(const std::string& device, const TokenReport& one) {
    company.report(device, token_batch(one));
    unknowns.touched({{one.epoch, one.token}});
  }

  std::vector<RevealRecord> record() {
    const auto read = RevealBook{*company.store, company.clock}.record();
    REQUIRE(read);
    return *read;
  }

  // tell answers what `device` is asked with `domain`; false when it is asked nothing.
  bool tell(const std::string& device, const std::string& domain) {
    const auto question = unknowns.question(device);
    if (!question) {
      return false;
    }
    wire::RevealReply reply;
    reply.epoch = question->epoch;
    for (const UnknownToken& asked : question->tokens) {
      reply.answers.push_back({asked, domain});
    }
    REQUIRE(unknowns.answered(device, reply));
    return true;
  }

  Company company;
  std::set<std::string> not_counted;
  Unknowns unknowns;
};

}  // namespace gnomon::testing
