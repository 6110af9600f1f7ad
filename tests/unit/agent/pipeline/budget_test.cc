#include "agent/budget.h"

#include "tests/support/catch.h"

namespace gnomon {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

struct Watched {
  Strain costs(std::uint64_t mib, std::uint64_t cpu_ms_more,
               std::chrono::seconds later = std::chrono::seconds{5}) {
    now += later;
    stats.resident_bytes = mib * kMiB;
    stats.cpu_ms += cpu_ms_more;
    return budget.look(now, stats);
  }

  Budget budget{{100 * kMiB, 5}};
  MonotonicTime now{std::chrono::hours{1}};
  ProcessStats stats;
};

TEST_CASE("Budget: memory takes the steps in order, and takes them back late", "[agent][budget]") {
  Watched agent;
  CHECK(agent.costs(79, 0) == Strain::none);
  CHECK(agent.costs(80, 0) == Strain::no_programs);
  CHECK(agent.costs(87, 0) == Strain::no_reasons);
  CHECK(agent.costs(94, 0) == Strain::sampled);
  CHECK(agent.costs(100, 0) == Strain::sampled);
  CHECK(agent.costs(101, 0) == Strain::over);
  CHECK(agent.costs(90, 0) == Strain::sampled);
  CHECK(agent.costs(88, 0) == Strain::no_reasons);
  CHECK(agent.costs(76, 0) == Strain::no_programs);
  CHECK(agent.costs(74, 0) == Strain::none);
}

TEST_CASE("Budget: a busy minute costs a step, a quiet one gives it back", "[agent][budget]") {
  Watched agent;
  const auto minute = Budget::kCpuWindow;
  CHECK(agent.costs(10, 0) == Strain::none);
  // 5 % of a minute are three seconds.
  CHECK(agent.costs(10, 3000, minute) == Strain::none);
  CHECK(agent.costs(10, 3001, minute) == Strain::no_programs);
  CHECK(agent.costs(10, 2500, minute) == Strain::no_programs);
  CHECK(agent.costs(10, 9000, minute) == Strain::no_reasons);
  CHECK(agent.costs(10, 9000, minute) == Strain::sampled);
  CHECK(agent.costs(10, 60'000, minute) == Strain::sampled);
  CHECK(agent.costs(10, 100, minute) == Strain::no_reasons);
  CHECK(agent.costs(10, 100, minute) == Strain::no_programs);
  CHECK(agent.costs(10, 100, minute) == Strain::none);
}

TEST_CASE("Budget: a burst that a minute evens out costs nothing", "[agent][budget]") {
  Watched agent;
  CHECK(agent.costs(10, 0) == Strain::none);
  CHECK(agent.costs(10, 2900) == Strain::none);
  CHECK(agent.costs(10, 0, std::chrono::seconds{55}) == Strain::none);
}

TEST_CASE("Budget: every strain but none is said in words", "[agent][budget]") {
  CHECK(strain_words(Strain::none).empty());
  for (const auto strain :
       {Strain::no_programs, Strain::no_reasons, Strain::sampled, Strain::over}) {
    CHECK(strain_words(strain).starts_with("over its "));
    CHECK(strain_words(strain).size() <= 200);
  }
}

}  // namespace
}  // namespace gnomon
