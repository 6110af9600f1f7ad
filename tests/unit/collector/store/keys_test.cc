#include "collector/store/keys.h"

#include <cstdio>

#include "tests/support/catch.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using namespace gnomon::store;

namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    char pair[3];
    static_cast<void>(std::snprintf(pair, sizeof pair, "%02x", static_cast<unsigned char>(c)));
    text += pair;
  }
  return text;
}

}  // namespace

TEST_CASE("Keys: every example of FORMAT.md", "[collector][store]") {
  const BatchId id{"d1", 2, 513};
  const Day day = Calendar::utc().day_of(testing::at(17));
  CHECK(hex(batch_key(id)) ==
        "026431"
        "0000000000000002"
        "0000000000000201");
  CHECK(hex(cursor_key("d1")) == "026431");
  CHECK(hex(day_key(day, "trello", "d1")) ==
        "00005126"
        "067472656c6c6f"
        "026431");
  const TokenId token{8107, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
  CHECK(hex(token_key(token, "d1")) ==
        "00001fab"
        "000102030405060708090a0b0c0d0e0f"
        "026431");
  const std::string key = token_key(token, "d1");
  const auto back = parse_token_key(key);
  REQUIRE(back);
  CHECK(back->token == token);
  CHECK(back->device == "d1");
  CHECK(key.starts_with(token_prefix(token)));
  CHECK(key.starts_with(epoch_prefix(8107)));
  for (std::size_t size = 0; size < key.size(); ++size) {
    CHECK_FALSE(parse_token_key(std::string_view{key}.substr(0, size)));
  }
  CHECK(hex(tool_key("trello", "d1")) ==
        "067472656c6c6f"
        "026431");
  CHECK(hex(health_key(day, "d1")) ==
        "00005126"
        "026431");
  CHECK(hex(gap_key(day, id, 3)) ==
        "00005126"
        "026431"
        "0000000000000002"
        "0000000000000201"
        "0003");
  CHECK(hex(cursor_value(Cursor{2, 513})) ==
        "01"
        "0000000000000002"
        "0000000000000201");
  CHECK(hex(batch_value({false, testing::at(17), 513, "xy"})) ==
        "01"
        "00"
        "18e8ccc577f04000"
        "0000000000000201"
        "7879");
}

TEST_CASE("Keys: what is written is read again, and shortened keys are refused",
          "[collector][store]") {
  const BatchId id{"8c5f6f2e-0000-4000-8000-000000000001", 7, 9};
  const auto batch = parse_batch_key(batch_key(id));
  REQUIRE(batch.has_value());
  CHECK(batch->agent == id.agent);
  CHECK(batch->sequence == 9);
  const std::string whole = day_key(Day{20000}, "asana", id.agent);
  const auto day = parse_day_key(whole);
  REQUIRE(day.has_value());
  CHECK(day->tool == "asana");
  CHECK(day->device == id.agent);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(parse_day_key(std::string_view{whole}.substr(0, size)).has_value());
  }
  const auto record = parse_batch_value(batch_value({true, testing::at(17), 4, ""}));
  REQUIRE(record.has_value());
  CHECK(record->refused);
  CHECK(record->received == testing::at(17));
  CHECK(record->first_sequence == 4);
}

TEST_CASE("Keys: no agent's or tool's keys lie within another's prefix", "[collector][store]") {
  CHECK(tool_key("trello-x", "d").compare(0, tool_prefix("trello").size(), tool_prefix("trello")) !=
        0);
}
