#include "collector/enrol/clone_watch.h"

#include <string>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

TEST_CASE("CloneWatch: runs that follow each other are one agent", "[collector][enrol]") {
  CloneWatch watch;
  for (int run = 0; run < 20; ++run) {
    // Each reconnects a few times before the next one is started.
    for (int hello = 0; hello < 5; ++hello) {
      CHECK_FALSE(watch.is_clone("agent", std::to_string(run)));
    }
  }
}

TEST_CASE("CloneWatch: hellos of a killed run that arrive late prove nothing",
          "[collector][enrol]") {
  CloneWatch watch;
  CHECK_FALSE(watch.is_clone("agent", "killed"));
  CHECK_FALSE(watch.is_clone("agent", "next"));
  for (unsigned late = 0; late + 1 < CloneWatch::kReturns; ++late) {
    CHECK_FALSE(watch.is_clone("agent", "killed"));
    CHECK_FALSE(watch.is_clone("agent", "next"));
  }
}

TEST_CASE("CloneWatch: two that take turns are found", "[collector][enrol]") {
  CloneWatch watch;
  unsigned hellos = 0;
  while (!watch.is_clone("agent", hellos % 2 == 0 ? "one" : "two")) {
    ++hellos;
    REQUIRE(hellos < 20);
  }
  CHECK(hellos == 2 * CloneWatch::kReturns);
  CHECK_FALSE(watch.is_clone("other", "one"));
  watch.forget("agent");
  CHECK_FALSE(watch.is_clone("agent", "one"));
}

TEST_CASE("CloneWatch: one that is started anew now and then is found all the same",
          "[collector][enrol]") {
  CloneWatch watch;
  CHECK_FALSE(watch.is_clone("agent", "lasting"));
  bool found = false;
  for (int start = 0; start < 4 && !found; ++start) {
    CHECK_FALSE(watch.is_clone("agent", std::to_string(start)));
    found = watch.is_clone("agent", "lasting");
  }
  CHECK(found);
}

TEST_CASE("CloneWatch: agents that do not name their runs are let alone", "[collector][enrol]") {
  CloneWatch watch;
  for (int hello = 0; hello < 20; ++hello) {
    CHECK_FALSE(watch.is_clone("agent", ""));
  }
}

}  // namespace
}  // namespace gnomon
