#include "collector/own_rules.h"

#include <string>

#include "core/catalog/signing.h"
#include "core/catalog/trust.h"
#include "core/rulebook/compile.h"
#include "tests/support/catch.h"
#include "tests/support/fake_meta_store.h"
#include "tests/support/manual_clock.h"
#include "tests/support/rule_files.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::FakeMetaStore;
using testing::ManualClock;
using testing::TempDirectory;
using What = Reading::What;

const std::string kTimesheet =
    "tools:\n"
    "  - id: timesheet\n"
    "    name: Timesheet\n"
    "    homepage: https://time.corp.example\n"
    "    category: design\n"
    "    jobs: [diagramming]\n"
    "    hosts:\n"
    "      - {host: .time.corp.example, role: app}\n"
    "tenants:\n"
    "  - {tool: slack, tenant: acme}\n";

// Desk is a collector's folder and its overlay file.
struct Desk {
  TempDirectory folder;
  PosixFileSystem files;
  ManualClock clock;
  std::shared_ptr<const RulePack> catalogue =
      preview(load_rule_files(testing::clean_rules(), testing::test_options()).book);

  void write(const std::string& text) {
    REQUIRE(replace_file(files, folder.file("overlay.yaml"), text, Durable::no));
  }
  std::unique_ptr<OwnRules> open() {
    auto opened = OwnRules::open(
        files, clock, {folder.file("overlay.yaml"), folder.file("ca"), folder.file("overlay.pack")},
        catalogue);
    REQUIRE(opened);
    return std::move(*opened);
  }
};

TEST_CASE("OwnRules: the file becomes an overlay that agents who trust the collector open",
          "[collector][rules]") {
  Desk desk;
  desk.write(kTimesheet);
  const auto rules = desk.open();
  const Reading read = rules->read_file();
  CHECK(read.what == What::taken);
  CHECK(read.text.find("1 own tool") != std::string::npos);
  const auto trusted = parse_trust(rules->trust());
  REQUIRE(trusted);
  const auto opened = OverlayPack::from_bytes(bytes_of(rules->bytes()), *trusted);
  REQUIRE(opened);
  CHECK((*opened)->version() == rules->overlay()->version());
  // Never for the catalogue.
  CHECK_FALSE(RulePack::from_bytes(bytes_of(rules->bytes()), *trusted));
  const auto whole = rules->rules();
  CHECK(whole->tool(whole->match("a.time.corp.example").tool).id == "timesheet");
  CHECK(whole->match("acme.slack.com").owner == TenantOwner::own);
  CHECK(whole->match("partner.slack.com").owner == TenantOwner::foreign);
}

TEST_CASE("OwnRules: what has not changed stays, what has gets a greater version",
          "[collector][rules]") {
  Desk desk;
  desk.write(kTimesheet);
  const auto rules = desk.open();
  REQUIRE(rules->read_file().what == What::taken);
  const std::uint32_t first = rules->overlay()->version();
  desk.clock.advance(std::chrono::hours{5});
  CHECK(rules->read_file().what == What::unchanged);
  desk.write("# a remark\n" + kTimesheet);
  CHECK(rules->read_file().what == What::unchanged);
  CHECK(rules->overlay()->version() == first);
  desk.write(kTimesheet + "sanctioned: [slack]\n");
  CHECK(rules->read_file().what == What::taken);
  const std::uint32_t second = rules->overlay()->version();
  CHECK(second > first);
  // Also when the clock goes back.
  desk.clock.jump(-std::chrono::hours{48});
  desk.write(kTimesheet);
  CHECK(rules->read_file().what == What::taken);
  CHECK(rules->overlay()->version() > second);
}

TEST_CASE("OwnRules: it is signed anew when half of its life is over", "[collector][rules]") {
  Desk desk;
  desk.write(kTimesheet);
  const auto rules = desk.open();
  REQUIRE(rules->read_file().what == What::taken);
  const WallTime first = rules->overlay()->expires();
  desk.clock.advance(std::chrono::days{182});
  CHECK(rules->read_file().what == What::unchanged);
  desk.clock.advance(std::chrono::days{2});
  CHECK(rules->read_file().what == What::taken);
  CHECK(rules->overlay()->expires() > first);
}

TEST_CASE("OwnRules: a wrong file is refused with its line, and the overlay before it stays",
          "[collector][rules]") {
  Desk desk;
  desk.write(kTimesheet);
  const auto rules = desk.open();
  REQUIRE(rules->read_file().what == What::taken);
  const std::string before = rules->bytes();
  for (const char* wrong : {"tools: [", "sanctioned: [no-such-tool]\n", "colour: red\n",
                            "tools:\n  - {id: slack, name: Slack}\n"}) {
    CAPTURE(wrong);
    desk.write(wrong);
    const Reading read = rules->read_file();
    CHECK(read.what == What::refused);
    CHECK(read.text.find("overlay.yaml:") != std::string::npos);
    CHECK(read.text.find("stays in use") != std::string::npos);
    CHECK(rules->bytes() == before);
  }
  REQUIRE(desk.files.remove(desk.folder.file("overlay.yaml")));
  CHECK(rules->read_file().what == What::refused);
  CHECK(rules->bytes() == before);
  // A collector that starts with a wrong file starts with what it had.
  desk.write("tools: [");
  const auto again = desk.open();
  CHECK(again->bytes() == before);
  CHECK(again->trust() == rules->trust());
  CHECK(again->read_file().what == What::refused);
  CHECK(again->overlay() != nullptr);
}

TEST_CASE("OwnRules: keys that do not belong together stop the collector", "[collector][rules]") {
  Desk desk;
  desk.write(kTimesheet);
  REQUIRE(desk.open()->read_file().what == What::taken);
  REQUIRE(replace_file(desk.files, desk.folder.file("ca/overlay.key"),
                       SecretKey::generate().to_text(), Durable::no));
  const auto opened = OwnRules::open(
      desk.files, desk.clock,
      {desk.folder.file("overlay.yaml"), desk.folder.file("ca"), desk.folder.file("overlay.pack")},
      desk.catalogue);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().find("backup") != std::string::npos);
}

// Listed is a review and the overlay's list.
struct Listed {
  Desk desk;
  FakeMetaStore store;
  Review review{store, desk.clock};
  std::unique_ptr<OwnRules> rules = desk.open();

  std::size_t follow(const std::string& list) {
    desk.write("sanctioned: [" + list + "]\n");
    REQUIRE(rules->read_file().what != What::refused);
    const auto changed = follow_list(review, *rules->overlay(), *rules->rules());
    REQUIRE(changed);
    return *changed;
  }
  Standing of(const std::string& tool) {
    const auto record = review.standing(tool);
    REQUIRE(record);
    return *record ? (*record)->change.standing : Standing::fresh;
  }
  void decide(const std::string& tool, Standing standing) {
    StandingChange change;
    change.tool = tool;
    change.standing = standing;
    change.by = "martech";
    change.reason = "we looked";
    change.alternative = "slack";
    REQUIRE(review.decide(change));
  }
};

TEST_CASE("OwnRules: a tool on the list becomes sanctioned once, by a decision of its own",
          "[collector][rules]") {
  Listed listed;
  CHECK(listed.follow("slack, trello") == 2);
  CHECK(listed.of("slack") == Standing::sanctioned);
  CHECK(listed.follow("slack, trello") == 0);
  const auto record = listed.review.record("slack");
  REQUIRE(record);
  REQUIRE(record->size() == 1);
  CHECK(record->front().change.by == kListAuthor);
  CHECK_FALSE(record->front().change.reason.empty());
}

TEST_CASE("OwnRules: what people decide about a listed tool stands", "[collector][rules]") {
  Listed listed;
  listed.decide("trello", Standing::sanctioned);
  CHECK(listed.follow("slack, trello") == 1);
  listed.decide("slack", Standing::unsanctioned);
  CHECK(listed.follow("slack, trello") == 0);
  CHECK(listed.of("slack") == Standing::unsanctioned);
  // Nor does leaving the list undo it, or what people sanctioned themselves.
  CHECK(listed.follow("") == 0);
  CHECK(listed.of("slack") == Standing::unsanctioned);
  CHECK(listed.of("trello") == Standing::sanctioned);
}

TEST_CASE("OwnRules: a tool that leaves the list goes back to what it was", "[collector][rules]") {
  Listed listed;
  listed.decide("trello", Standing::tolerated);
  CHECK(listed.follow("slack, trello") == 2);
  CHECK(listed.of("trello") == Standing::sanctioned);
  CHECK(listed.follow("slack") == 1);
  CHECK(listed.of("trello") == Standing::tolerated);
  CHECK(listed.of("slack") == Standing::sanctioned);
  CHECK(listed.follow("slack, trello") == 1);
  CHECK(listed.of("trello") == Standing::sanctioned);
}

}  // namespace
}  // namespace gnomon
