#include "core/counted.h"

#include "tests/support/catch.h"

using namespace gnomon;

TEST_CASE("counted: one takes the first form, none and many take the other", "[core]") {
  CHECK(counted(1, "device", "devices") == "1 device");
  CHECK(counted(0, "device", "devices") == "0 devices");
  CHECK(counted(2, "agent was", "agents were") == "2 agents were");
  CHECK(counted(UINT64_MAX, "byte", "bytes") == "18446744073709551615 bytes");
}
