#include "collector/store/store.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/collector/store/meta_store_conformance.h"

using namespace gnomon;

TEST_CASE("MetaStore: RocksDB keeps every word of the interface, also across a restart",
          "[collector][store]") {
  const testing::TempDirectory directory;
  testing::ManualClock clock;
  Counters counters;
  StoreOptions options;
  options.directory = directory.file("store");
  std::vector<std::string> before;
  {
    auto store = Store::open(options, clock, counters);
    REQUIRE(store);
    testing::check_meta_store(**store);
    before = testing::keys_below(**store, "");
  }
  auto again = Store::open(options, clock, counters);
  REQUIRE(again);
  CHECK(testing::keys_below(**again, "") == before);
  CHECK(*(*again)->get("token") == "used");
}
