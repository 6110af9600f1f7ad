#include "agent/evidence/windows.h"

#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::at;

TEST_CASE("Windows: sightings of one key are one contact until it is due", "[evidence]") {
  Windows windows{WindowLimits{}};
  const WindowKey key{"trello", "", "", "firefox", Role::app};
  windows.add(key, at(0), Source::dns);
  windows.add(key, at(5), Source::tls);
  windows.add(key, at(2), Source::quic);
  CHECK(windows.close(at(899)).empty());
  const auto closed = windows.close(at(900));
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].dns == 1);
  CHECK(closed[0].tls == 1);
  CHECK(closed[0].quic == 1);
  CHECK(closed[0].first == at(0));
  CHECK(closed[0].last == at(5));
  CHECK(windows.open() == 0);
  CHECK(windows.next_due() == WallTime::max());
}

TEST_CASE("Windows: embeds wait longer than uses", "[evidence]") {
  Windows windows{WindowLimits{}};
  windows.add({"a", "", "", "", Role::embed}, at(0), Source::tls);
  windows.add({"b", "", "", "", Role::app}, at(0), Source::tls);
  CHECK(windows.close(at(1000)).size() == 1);
  CHECK(windows.close(at(3600)).size() == 1);
}

TEST_CASE("Windows: news hastens all windows of its tool and user, and no other", "[evidence]") {
  Windows windows{WindowLimits{}};
  windows.add({"a", "", "u", "", Role::app}, at(0), Source::tls);
  windows.add({"a", "x", "u", "p", Role::embed}, at(0), Source::tls);
  windows.add({"a", "", "v", "", Role::app}, at(0), Source::tls);
  windows.add({"b", "", "u", "", Role::app}, at(0), Source::tls);
  windows.hasten("a", "u", at(1));
  CHECK(windows.next_due() == at(4));
  CHECK(windows.close(at(4)).size() == 2);
  CHECK(windows.open() == 2);
}

TEST_CASE("Windows: over the limit sightings go to one window of others", "[evidence]") {
  WindowLimits limits;
  limits.max_open = 2;
  Windows windows{limits};
  windows.add({"a", "", "", "", Role::app}, at(0), Source::tls);
  windows.add({"b", "", "", "", Role::app}, at(0), Source::tls);
  windows.add({"c", "", "", "", Role::app}, at(0), Source::tls);
  windows.add({"d", "", "", "", Role::app}, at(0), Source::tls);
  windows.add({"a", "", "", "", Role::app}, at(1), Source::tls);
  CHECK(windows.overflowed() == 2);
  std::uint32_t total = 0;
  for (const Contact& contact : windows.close_all()) {
    total += contact.tls;
    CHECK((contact.tool == "a" || contact.tool == "b" || contact.tool == kOtherTool));
  }
  CHECK(total == 5);
}
