#include "core/net/backoff.h"

#include <algorithm>
#include <map>
#include <vector>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;

TEST_CASE("Backoff: every wait lies between the first and three times the one before",
          "[core][net]") {
  const milliseconds first{1000};
  const milliseconds most{300'000};
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Backoff backoff(first, most, seed);
    milliseconds before = first;
    for (int i = 0; i < 50; ++i) {
      const milliseconds wait = backoff.next();
      CHECK(wait >= first);
      CHECK(wait <= std::min(most, before * 3));
      before = wait;
    }
  }
}

TEST_CASE("Backoff: a fleet that fails together spreads out, and more so each time",
          "[core][net]") {
  std::vector<Backoff> fleet;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    fleet.emplace_back(milliseconds{1000}, milliseconds{300'000}, seed);
  }
  const auto busiest_second = [&] {
    std::map<milliseconds::rep, int> seconds;
    int most = 0;
    for (Backoff& agent : fleet) {
      most = std::max(most, ++seconds[agent.next().count() / 1000]);
    }
    return most;
  };
  CHECK(busiest_second() < 700);  // between one and three seconds
  for (int i = 0; i < 8; ++i) {
    busiest_second();
  }
  CHECK(busiest_second() < 100);
}

TEST_CASE("Backoff: success begins anew", "[core][net]") {
  Backoff backoff(milliseconds{10}, milliseconds{100'000}, 1);
  for (int i = 0; i < 30; ++i) {
    backoff.next();
  }
  backoff.reset();
  CHECK(backoff.next() <= milliseconds{30});
}

TEST_CASE("Backoff: a longest wait below the first counts as the first", "[core][net]") {
  Backoff backoff(milliseconds{50}, milliseconds{10}, 1);
  CHECK(backoff.next() == milliseconds{50});
}

}  // namespace
}  // namespace gnomon
