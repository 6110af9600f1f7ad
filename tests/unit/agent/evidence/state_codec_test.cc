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
  bytes[7] = '2';
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
