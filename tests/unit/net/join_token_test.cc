#include "core/net/join_token.h"

#include "tests/support/catch.h"

namespace gnomon {
namespace {

JoinToken some_token() {
  return {"ab12cd34", std::string(16, '\x01'), std::string(32, '\xfe'), ""};
}

TEST_CASE("JoinToken: with and without a key for unknown domains it comes back as it was",
          "[core][net]") {
  JoinToken token = some_token();
  for (const std::string& key : {std::string{}, std::string(kUnknownsKeyBytes, '\x7f')}) {
    token.unknowns_key = key;
    const auto back = parse_join_token(to_string(token));
    REQUIRE(back);
    CHECK(back->id == token.id);
    CHECK(back->secret == token.secret);
    CHECK(back->root_key_sha256 == token.root_key_sha256);
    CHECK(back->unknowns_key == key);
  }
}

TEST_CASE("JoinToken: what is cut, longer or foreign is none", "[core][net]") {
  JoinToken token = some_token();
  token.unknowns_key = std::string(kUnknownsKeyBytes, '\x7f');
  const std::string whole = to_string(token);
  const std::string plain = to_string(some_token());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    // Cut before its last part, a token with a key is one without.
    CHECK(parse_join_token(whole.substr(0, size)).has_value() == (size == plain.size()));
  }
  CHECK_FALSE(parse_join_token(whole + "."));
  CHECK_FALSE(parse_join_token(whole + ".00"));
  CHECK_FALSE(parse_join_token(plain + ".00"));
  CHECK_FALSE(parse_join_token("gn2" + plain.substr(3)));
}

}  // namespace
}  // namespace gnomon
