#include "agent/unknowns_desk.h"

#include "core/net/crypto.h"
#include "tests/support/catch.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_rule_pack.h"
#include "tests/support/manual_clock.h"

namespace gnomon {
namespace {

using testing::FakeFileSystem;
using testing::FakeRulePack;
using testing::ManualClock;

constexpr std::uint32_t kDeskEpoch = 8107;
const std::string kSecret(32, 'k');

class Place {
 public:
  Place() {
    config.data = "/ws";
    config.report_unknowns = true;
    REQUIRE(files.make_directory("/ws"));
    REQUIRE(replace_file(files, "/ws/unknowns.key", to_hex(kSecret) + "\n"));
    const FakeRulePack pack;  // knows nothing; every host is its own registrable domain
    UnknownLedger made;
    for (int day = 0; day < 2; ++day) {
      for (const char* host : {"a.example", "b.example"}) {
        made.see(pack, host, clock.wall() + std::chrono::days{day}, Manner::opened);
      }
    }
    ledger = made.encode();
  }

  // desk is what a start of the agent makes of the folder.
  UnknownsDesk desk() {
    UnknownsDesk made{files, clock, config, nullptr};
    made.take_ledger(ledger);
    return made;
  }

  FakeFileSystem files;
  ManualClock clock;
  Config config;
  std::vector<std::uint8_t> ledger;
};

std::size_t reported(UnknownsDesk& desk, bool stored = true) {
  std::size_t count = 0;
  desk.report([&](const std::vector<TokenReport>& tokens) {
    count += tokens.size();
    return stored;
  });
  return count;
}

TEST_CASE("UnknownsDesk: policy, reports and reveals survive a restart", "[agent][unknowns]") {
  Place place;
  const auto token = unknown_token(kSecret, kDeskEpoch, "a.example");
  {
    UnknownsDesk desk = place.desk();
    CHECK_FALSE(desk.heard());
    CHECK(reported(desk) == 0);
    desk.take_policy({true, kDeskEpoch});
    CHECK(desk.heard());
    CHECK(reported(desk) == 2);
    CHECK(desk.reveal({kDeskEpoch, {token}}).answers.at(0).domain == "a.example");
  }
  UnknownsDesk again = place.desk();
  CHECK(reported(again) == 0);
  CHECK(again.reveal({kDeskEpoch, {token}}).answers.at(0).domain == "a.example");
  CHECK(read_unknown_reports(place.files, place.config, nullptr).reveals().size() == 1);
}

TEST_CASE("UnknownsDesk: what could not be stored is reported the next time", "[agent][unknowns]") {
  Place place;
  UnknownsDesk desk = place.desk();
  desk.take_policy({true, kDeskEpoch});
  CHECK(reported(desk, false) == 2);
  CHECK(reported(desk) == 2);
  CHECK(reported(desk) == 0);
}

TEST_CASE("UnknownsDesk: a name that cannot be written down first is not told",
          "[agent][unknowns]") {
  Place place;
  UnknownsDesk desk = place.desk();
  desk.take_policy({true, kDeskEpoch});
  REQUIRE(reported(desk) == 2);
  const auto token = unknown_token(kSecret, kDeskEpoch, "a.example");
  place.files.fail_after(0);
  CHECK(desk.reveal({kDeskEpoch, {token}}).answers.at(0).domain.empty());
  place.files.disarm();
  CHECK(desk.reveal({kDeskEpoch, {token}}).answers.at(0).domain == "a.example");
}

TEST_CASE("UnknownsDesk: the key is read whole or not at all", "[agent][unknowns]") {
  Place place;
  CHECK(unknowns_secret(place.files, "/ws/unknowns.key") == kSecret);
  CHECK(unknowns_secret(place.files, "/ws/none").empty());
  for (const std::string& bad :
       {std::string{}, std::string{"zz"}, to_hex(kSecret).substr(2), to_hex(kSecret) + "00"}) {
    REQUIRE(replace_file(place.files, "/ws/unknowns.key", bad));
    CHECK(unknowns_secret(place.files, "/ws/unknowns.key").empty());
  }
}

TEST_CASE("UnknownsDesk: a damaged file begins anew and tells nothing", "[agent][unknowns]") {
  Place place;
  {
    UnknownsDesk desk = place.desk();
    desk.take_policy({true, kDeskEpoch});
    REQUIRE(reported(desk) == 2);
  }
  (*place.files.contents("/ws/unknowns"))[3] = '?';
  UnknownsDesk desk = place.desk();
  CHECK(desk.reveal({kDeskEpoch, {unknown_token(kSecret, kDeskEpoch, "a.example")}})
            .answers.at(0)
            .domain.empty());
}

}  // namespace
}  // namespace gnomon
