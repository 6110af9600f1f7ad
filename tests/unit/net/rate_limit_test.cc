#include "core/net/rate_limit.h"

#include <string>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const MonotonicTime kStart{seconds{1000}};

TEST_CASE("RateLimit: a burst passes, then one each time a token has grown", "[core][net]") {
  RateLimit limit(2.0, 3.0);
  for (int i = 0; i < 3; ++i) {
    CHECK(limit.take("a", kStart));
  }
  CHECK_FALSE(limit.take("a", kStart));
  CHECK(limit.take("b", kStart));  // another key has its own
  CHECK_FALSE(limit.take("a", kStart + milliseconds{499}));
  CHECK(limit.take("a", kStart + milliseconds{500}));
  CHECK_FALSE(limit.take("a", kStart + milliseconds{500}));
}

TEST_CASE("RateLimit: spending more than there is has to be waited off", "[core][net]") {
  RateLimit limit(1000.0, 5000.0);
  CHECK(limit.spend("a", kStart, 5000.0) == milliseconds{0});
  const auto wait = limit.spend("a", kStart, 2000.0);
  CHECK(wait >= seconds{2});
  CHECK(wait < seconds{3});
  CHECK(limit.spend("a", kStart + seconds{3}, 500.0) == milliseconds{0});
}

TEST_CASE("RateLimit: a clock that stands still or goes back gives nothing away", "[core][net]") {
  RateLimit limit(1.0, 1.0);
  CHECK(limit.take("a", kStart));
  CHECK_FALSE(limit.take("a", kStart - seconds{100}));
}

TEST_CASE("RateLimit: a flood of keys limits itself", "[core][net]") {
  RateLimit limit(0.001, 1.0, 8);
  int passed = 0;
  for (int i = 0; i < 1000; ++i) {
    passed += limit.take("key-" + std::to_string(i), kStart) ? 1 : 0;
  }
  CHECK(passed == 9);  // eight of their own, and one that all others share
}

TEST_CASE("RateLimit: a rate near zero waits long, not for ever", "[core][net]") {
  RateLimit limit(1e-30, 1.0);
  CHECK(limit.take("a", kStart));
  CHECK(limit.wait_for("a", kStart) > std::chrono::hours{1});
}

}  // namespace
}  // namespace gnomon
