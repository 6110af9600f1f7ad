#include "agent/match/retro_match.h"

#include "core/wire/batch.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

WallTime at(int day, int hour = 10) {
  using namespace std::chrono;
  return WallTime{sys_days{year{2026} / 9 / day} + hours{hour}};
}

Learnt learnt(Role role, Manner manner, RuleConfidence confidence = RuleConfidence::high) {
  return {"newtool", role, Audience::user, confidence, manner, at(3), at(9)};
}

TEST_CASE("Retro-match: the first and the last day are told, and that they were recovered",
          "[agent][match]") {
  const auto contacts = retro_contacts({learnt(Role::app, Manner::opened)}, 12);
  REQUIRE(contacts.size() == 2);
  CHECK(contacts[0].first == at(3));
  CHECK(contacts[1].first == at(9));
  for (const Contact& contact : contacts) {
    CHECK(contact.tool == "newtool");
    CHECK(contact.stage == Stage::visited);
    CHECK(contact.pack_version == 12);
    CHECK(contact.first == contact.last);
    CHECK(contact.dns + contact.tls + contact.quic + contact.http == 0);
    REQUIRE(contact.evidence.size() == 1);
    CHECK(contact.evidence[0].what.find("recovered") != std::string::npos);
    CHECK(contact.evidence[0].host.empty());
    Batch batch;
    batch.contacts = {contact};
    CHECK(wire::fits(batch));
  }
  Learnt one_day = learnt(Role::app, Manner::opened);
  one_day.last = at(3, 23);
  CHECK(retro_contacts({one_day}, 12).size() == 1);
}

TEST_CASE("Retro-match: no stage is above what names show long after", "[agent][match]") {
  struct Case {
    Role role;
    Manner manner;
    RuleConfidence confidence;
    Stage stage;
  };
  const Case cases[] = {
      {Role::app, Manner::opened, RuleConfidence::high, Stage::visited},
      {Role::signup, Manner::opened, RuleConfidence::medium, Stage::visited},
      {Role::api, Manner::opened, RuleConfidence::high, Stage::visited},
      {Role::app, Manner::opened, RuleConfidence::low, Stage::mentioned},
      {Role::app, Manner::named, RuleConfidence::high, Stage::mentioned},
      {Role::app, Manner::carried, RuleConfidence::high, Stage::embedded},
      {Role::embed, Manner::opened, RuleConfidence::high, Stage::embedded},
      {Role::asset, Manner::named, RuleConfidence::high, Stage::embedded},
      {Role::link, Manner::opened, RuleConfidence::high, Stage::embedded},
  };
  for (const Case& one : cases) {
    CAPTURE(to_string(one.role), static_cast<int>(one.manner));
    CHECK(retro_contacts({learnt(one.role, one.manner, one.confidence)}, 1).at(0).stage ==
          one.stage);
  }
}

}  // namespace
}  // namespace gnomon
