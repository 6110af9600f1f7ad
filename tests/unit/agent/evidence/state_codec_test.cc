#include "agent/evidence/state_codec.h"

#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::Story;

namespace {

std::vector<std::uint8_t> saved_story() {
  Story story;
  story.tenant = "acme";
  story.see(0, "trello.com").see(5, "id.atlassian.com").see(30, "ws.trello.com");
  story.see(40, "form.survey.com").see(50, "api.trello.com");
  return story.room->save();
}

}  // namespace

TEST_CASE("State: what is decoded and encoded again is the same bytes", "[evidence]") {
  const auto bytes = saved_story();
  const auto decoded = StateCodec::decode(bytes);
  REQUIRE(decoded);
  CHECK(decoded->states.size() == 2);
  CHECK(StateCodec::encode(decoded->states, decoded->learning_until) == bytes);
}

TEST_CASE("State: every proper prefix is refused", "[evidence]") {
  const auto bytes = saved_story();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(StateCodec::decode(Bytes{bytes}.first(size)));
  }
}

TEST_CASE("State: a newer format and a foreign file are told apart", "[evidence]") {
  auto bytes = saved_story();
  bytes[7] = '3';
  CHECK(StateCodec::decode(bytes).error() == StateFault::newer_format);
  bytes[0] = 'X';
  CHECK(StateCodec::decode(bytes).error() == StateFault::not_a_state);
}

TEST_CASE("State: any single byte changed is refused or decoded, never a crash", "[evidence]") {
  const auto bytes = saved_story();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{0xff}}) {
      auto changed = bytes;
      changed[i] = value;
      if (const auto decoded = StateCodec::decode(changed)) {
        CHECK(decoded->states.size() <= 2);
      }
    }
  }
}

TEST_CASE("State: format 1, which told times by steps, is read", "[evidence]") {
  Story story;
  story.see(0, "asana.com").see(5, "login.asana.com").see(9, "app.asana.com");
  auto bytes = story.room->save();
  // FORMAT.md: one state, of nobody known, with a tool of five letters.
  constexpr std::ptrdiff_t kFlags = 8 + 8 + 4 + 2 + (2 + 5) + 2 * 8 + 12 * 4 + 3 * 4 + 9 * 8 + 21;
  constexpr std::ptrdiff_t kTimes = kFlags + 4;
  bytes.erase(bytes.begin() + kTimes, bytes.begin() + kTimes + 12);
  bytes[7] = '1';
  // Bits of the steps "for a good while", "form filled" and "slow arrival".
  for (const unsigned bit : {24U, 28U, 29U}) {
    bytes[static_cast<std::size_t>(kFlags) + 3 - bit / 8] |=
        static_cast<std::uint8_t>(1U << (bit % 8));
  }
  Story later;
  REQUIRE(later.room->load(bytes));
  const Features told = later.of("asana").features;
  CHECK(told.sequence);
  CHECK(told.site_read == 1);
  CHECK(told.form_time > 0.5);
  CHECK(told.slow_arrival > 0.5);
  CHECK(later.room->save()[7] == '2');
}

TEST_CASE("State: times are the same after a restart", "[evidence]") {
  Story story;
  story.see(0, "asana.com").see(17.6, "login.asana.com").see(40.3, "app.asana.com");
  Story later;
  REQUIRE(later.room->load(story.room->save()));
  const Features before = story.of("asana").features;
  const Features after = later.of("asana").features;
  CHECK(before.site_read > 0);
  CHECK(after.site_read == before.site_read);
  CHECK(after.form_time == before.form_time);
  CHECK(after.slow_arrival == before.slow_arrival);
}
