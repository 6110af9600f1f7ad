#include "agent/evidence/bursts.h"

#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::at;

namespace {

Match unknown(double seconds, const std::string& host) {
  Match match;
  match.sighting.when = at(seconds);
  match.sighting.source = Source::tls;
  match.sighting.host = host;
  return match;
}

Match tool(double seconds, const std::string& host, ToolIndex index, Role role) {
  Match match = unknown(seconds, host);
  match.meaning = Meaning::tool;
  match.tool = index;
  match.role = role;
  return match;
}

}  // namespace

TEST_CASE("Bursts: what follows another site's page within its load is led by it", "[evidence]") {
  Bursts bursts{Model{}};
  CHECK(bursts.add("", unknown(0, "a.example"), {}).led_by == LedBy::itself);
  CHECK(bursts.add("", tool(0.5, "t.example", 1, Role::app), {}).led_by == LedBy::other);
  CHECK(bursts.add("", tool(3.6, "t.example", 1, Role::app), {}).led_by == LedBy::itself);
}

TEST_CASE("Bursts: a page load that never falls silent is over after its longest", "[evidence]") {
  Bursts bursts{Model{}};
  bursts.add("", unknown(0, "a.example"), {});
  for (double when = 0.5; when < 20; when += 0.5) {
    CHECK(bursts.add("", tool(when, "t.example", 1, Role::app), {}).led_by == LedBy::other);
  }
  CHECK(bursts.add("", tool(20.4, "t.example", 1, Role::app), {}).led_by == LedBy::itself);
}

TEST_CASE("Bursts: a tool's own hosts and its family's lead each other", "[evidence]") {
  Bursts bursts{Model{}};
  bursts.add("", tool(0, "cdn.t.example", 1, Role::asset), 9);
  CHECK(bursts.add("", tool(0.1, "ws.t.example", 1, Role::client), 9).led_by == LedBy::own);
  CHECK(bursts.add("", tool(0.2, "u.example", 2, Role::app), 9).led_by == LedBy::own);
  CHECK(bursts.add("", tool(0.3, "v.example", 3, Role::app), {}).led_by == LedBy::other);
}

TEST_CASE("Bursts: users do not lead each other", "[evidence]") {
  Bursts bursts{Model{}};
  bursts.add("anna", unknown(0, "a.example"), {});
  CHECK(bursts.add("ben", tool(0.2, "t.example", 1, Role::app), {}).led_by == LedBy::itself);
}

TEST_CASE("Bursts: company counts each host once and remembers recent bursts", "[evidence]") {
  Bursts bursts{Model{}};
  const auto first = bursts.add("", tool(0, "t.example", 1, Role::app), {}).number;
  Match idp = unknown(0.1, "idp.example");
  idp.meaning = Meaning::idp;
  bursts.add("", idp, {});
  bursts.add("", idp, {});
  bursts.add("", tool(0.2, "e.example", 2, Role::embed), {});
  bursts.add("", unknown(5, "later.example"), {});
  CHECK(bursts.company("", first).others == 1);
  CHECK(bursts.company("", first).idp);
  for (int i = 0; i < 20; ++i) {
    bursts.add("", unknown(10 + i * 4, "x.example"), {});
  }
  CHECK(bursts.company("", first).others == 0);
}

TEST_CASE("Bursts: a mail or chat tool does not lead to itself as a mail does", "[evidence]") {
  Bursts bursts{Model{}};
  bursts.add("", tool(0, "chat.example", 1, Role::app), {}, true);
  CHECK(bursts.add("", tool(9, "cdn.chat.example", 1, Role::asset), {}, true).entry ==
        Entry::unknown);
  CHECK(bursts.add("", tool(18, "t.example", 2, Role::app), {}).entry == Entry::unknown);
  bursts.add("", tool(27, "chat.example", 1, Role::app), {}, true);
  CHECK(bursts.add("", tool(36, "t.example", 2, Role::app), {}).entry == Entry::message);
}
