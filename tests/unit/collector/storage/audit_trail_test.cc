#include "collector/storage/audit_trail.h"

#include <cerrno>
#include <system_error>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/fake_meta_store.h"

using namespace gnomon;
using testing::FakeMetaStore;

namespace {

using Entry = AuditTrail::Entry;
using Made = Result<Entry, IoError>;

std::vector<std::string> records(const AuditTrail& trail) {
  std::vector<std::string> all;
  REQUIRE(trail.read([&](std::string_view record) { all.emplace_back(record); }));
  return all;
}

}  // namespace

TEST_CASE("AuditTrail: records come back in their order, with what they changed", "[collector]") {
  FakeMetaStore store;
  AuditTrail trail{store, "review"};
  AuditTrail other{store, "unknowns"};
  for (int i = 1; i <= 20; ++i) {
    REQUIRE(trail.add([&](std::uint64_t number) -> Made {
      CHECK(number == static_cast<std::uint64_t>(i));
      return Entry{"record " + std::to_string(i), {{"latest", std::to_string(number)}}};
    }));
  }
  const auto all = records(trail);
  REQUIRE(all.size() == 20);
  CHECK(all[8] == "record 9");
  CHECK(all[19] == "record 20");
  CHECK(**store.get("latest") == "20");
  CHECK(records(other).empty());
  CHECK(records(AuditTrail{store, "review"}) == all);
}

TEST_CASE("AuditTrail: whoever loses the race is asked again, with the next number",
          "[collector]") {
  FakeMetaStore store;
  AuditTrail trail{store, "review"};
  AuditTrail faster{store, "review"};
  std::vector<std::uint64_t> asked;
  REQUIRE(trail.add([&](std::uint64_t number) -> Made {
    asked.push_back(number);
    if (asked.size() == 1) {
      CHECK(faster.add([](std::uint64_t) -> Made { return Entry{"faster", {}}; }));
    }
    return Entry{"slower", {}};
  }));
  CHECK(asked == std::vector<std::uint64_t>{1, 2});
  CHECK(records(trail) == std::vector<std::string>{"faster", "slower"});
}

TEST_CASE("AuditTrail: it does not try for ever", "[collector]") {
  FakeMetaStore store;
  AuditTrail trail{store, "review"};
  AuditTrail faster{store, "review"};
  const auto lost = trail.add([&](std::uint64_t) -> Made {
    CHECK(faster.add([](std::uint64_t) -> Made { return Entry{"faster", {}}; }));
    return Entry{"slower", {}};
  });
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == std::errc::resource_unavailable_try_again);
  for (const std::string& record : records(trail)) {
    CHECK(record == "faster");
  }
}

TEST_CASE("AuditTrail: an entry that cannot be made, or written, leaves nothing", "[collector]") {
  FakeMetaStore store;
  AuditTrail trail{store, "review"};
  const IoError error{"read", "meta", std::error_code{EIO, std::generic_category()}};
  const auto unmade = trail.add([&](std::uint64_t) -> Made { return Failure{error}; });
  REQUIRE_FALSE(unmade);
  CHECK(unmade.error().code == error.code);
  store.set_broken(true);
  CHECK_FALSE(trail.add([](std::uint64_t) -> Made { return Entry{"record", {}}; }));
  store.set_broken(false);
  CHECK(records(trail).empty());
}
