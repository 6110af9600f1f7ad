#include "core/contact.h"
#include "tests/support/catch.h"

using namespace gnomon;

TEST_CASE("Words: every role, stage, audience and source survives its text form", "[core]") {
  for (unsigned i = 0; i <= 11; ++i) {
    const auto role = static_cast<Role>(i);
    CHECK(parse_role(to_string(role)) == role);
  }
  for (unsigned i = 0; i <= 8; ++i) {
    const auto stage = static_cast<Stage>(i);
    CHECK(parse_stage(to_string(stage)) == stage);
  }
  for (unsigned i = 0; i <= 4; ++i) {
    const auto audience = static_cast<Audience>(i);
    CHECK(parse_audience(to_string(audience)) == audience);
  }
  for (unsigned i = 1; i <= 4; ++i) {
    const auto source = static_cast<Source>(i);
    CHECK(parse_source(to_string(source)) == source);
  }
  CHECK(to_string(Stage::signup_likely) == "signup-likely");
  CHECK_FALSE(parse_role("owner").has_value());
}
