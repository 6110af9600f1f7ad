#include "agent/push_trial.h"

#include <random>

#include "tests/support/catch.h"
#include "tests/support/fake_file_system.h"

namespace gnomon {
namespace {

using testing::FakeFileSystem;

constexpr const char* kPath = "data/pack";

std::string content(FakeFileSystem& files) {
  const auto text = read_whole_file(files, kPath, 100);
  return text ? *text : std::string{};
}

// push is what the uplink does: aside with the old, in with the new.
void push(FakeFileSystem& files, std::uint32_t version, const std::string& bytes) {
  REQUIRE(PushTrial(files, kPath).begin(version));
  REQUIRE(replace_file(files, kPath, bytes));
}

// start yields the version that this start of the program gave up; 0 for none.
std::uint32_t start(FakeFileSystem& files) {
  const auto given_up = PushTrial(files, kPath).started();
  REQUIRE(given_up);
  return given_up->value_or(0);
}

TEST_CASE("PushTrial: what keeps the agent from living is put back", "[agent][push]") {
  FakeFileSystem files;
  REQUIRE(files.make_directory("data"));
  REQUIRE(replace_file(files, kPath, "old"));
  push(files, 5, "new");
  for (std::uint32_t i = 0; i < PushTrial::kMaxStarts; ++i) {
    CHECK(start(files) == 0);
    CHECK(content(files) == "new");
  }
  CHECK(start(files) == 5);
  CHECK(content(files) == "old");
  CHECK(PushTrial(files, kPath).refused() == 5);
  CHECK_FALSE(PushTrial(files, kPath).on_trial());
  CHECK(start(files) == 0);
}

TEST_CASE("PushTrial: where there was nothing before, nothing is there after", "[agent][push]") {
  FakeFileSystem files;
  REQUIRE(files.make_directory("data"));
  push(files, 5, "new");
  for (std::uint32_t i = 0; i < PushTrial::kMaxStarts; ++i) {
    CHECK(start(files) == 0);
  }
  CHECK(start(files) == 5);
  CHECK_FALSE(*files.exists(kPath));
}

TEST_CASE("PushTrial: ends that were asked for do not count", "[agent][push]") {
  FakeFileSystem files;
  REQUIRE(files.make_directory("data"));
  push(files, 5, "new");
  for (int i = 0; i < 20; ++i) {
    CHECK(start(files) == 0);
    PushTrial(files, kPath).ended_well();
  }
  CHECK(content(files) == "new");
}

TEST_CASE("PushTrial: once proven, crashes are somebody else's fault", "[agent][push]") {
  FakeFileSystem files;
  REQUIRE(files.make_directory("data"));
  push(files, 5, "new");
  CHECK(start(files) == 0);
  PushTrial(files, kPath).proven();
  for (int i = 0; i < 20; ++i) {
    CHECK(start(files) == 0);
  }
  CHECK(content(files) == "new");
}

TEST_CASE("PushTrial: a second push on trial goes back to the last proven one", "[agent][push]") {
  FakeFileSystem files;
  REQUIRE(files.make_directory("data"));
  REQUIRE(replace_file(files, kPath, "proven"));
  push(files, 5, "first");
  CHECK(start(files) == 0);
  push(files, 6, "second");
  for (std::uint32_t i = 0; i < PushTrial::kMaxStarts; ++i) {
    CHECK(start(files) == 0);
  }
  CHECK(start(files) == 6);
  CHECK(content(files) == "proven");
}

TEST_CASE("PushTrial: a power cut at any step leaves the old or the new, and a way back",
          "[agent][push]") {
  std::mt19937 random{7};
  std::uint64_t steps = 0;
  for (std::uint64_t at = 0;; ++at) {
    CAPTURE(at);
    FakeFileSystem files;
    REQUIRE(files.make_directory("data"));
    REQUIRE(replace_file(files, kPath, "old"));
    const std::uint64_t before = files.changes();
    files.fail_after(at);
    PushTrial trial{files, kPath};
    const bool whole = trial.begin(5).has_value() && replace_file(files, kPath, "new").has_value();
    files.disarm();
    files.power_cut(random);
    const std::string now = content(files);
    CHECK((now == "old" || now == "new"));
    if (now == "new") {
      CHECK(PushTrial(files, kPath).on_trial());
      for (std::uint32_t i = 0; i < PushTrial::kMaxStarts; ++i) {
        CHECK(start(files) == 0);
      }
      CHECK(start(files) == 5);
      CHECK(content(files) == "old");
    }
    if (whole) {
      steps = files.changes() - before;
      break;
    }
  }
  CHECK(steps > 4);
}

}  // namespace
}  // namespace gnomon
