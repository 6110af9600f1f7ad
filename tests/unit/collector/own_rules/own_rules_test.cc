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

TEST_CASE("OwnRules: agents follow new keys, and refuse the old ones from then on",
          "[collector][rules]") {
  Desk desk;
  desk.write(kTimesheet);
  const auto rules = desk.open();
  REQUIRE(rules->read_file().what == What::taken);
  const auto known = parse_trust(rules->trust());
  REQUIRE(known);
  const auto read_key = [&](const char* name) {
    const auto text = read_whole_file(desk.files, desk.folder.file(name), 4096);
    REQUIRE(text);
    return *SecretKey::from_text(*text);
  };
  const SecretKey old_key = read_key("ca/overlay.key");
  const SecretKey old_root = read_key("ca/overlay-root.key");
  const std::uint32_t first = rules->overlay()->version();

  for (int times = 0; times < 2; ++times) {  // twice: an agent may have slept through the first
    const Reading replaced = rules->replace_keys();
    CHECK(replaced.what == What::taken);
    CHECK(replaced.text.find("back up") != std::string::npos);
  }
  const auto followed =
      OverlayPack::from_bytes(bytes_of(rules->bytes()), *known, PackLimits{first, {}});
  REQUIRE(followed);
  CHECK((*followed)->version() > first);
  CHECK((*followed)->own_tools() == std::vector<std::string_view>{"timesheet"});
  const TrustedKeys& now = (*followed)->trusted();
  CHECK(now.root_version == 3);
  CHECK(now.keys == parse_trust(rules->trust())->keys);

  // What the old key signs is refused, also with a greater version and with a chain of its own.
  const std::string newest = rules->bytes();
  const auto parts = take_apart(bytes_of(newest));
  REQUIRE(parts);
  Manifest later = parts->manifest;
  later.version += 10;
  const auto refused = [&](const std::vector<std::string>& records, const SecretKey& key) {
    const auto pack = seal_pack(parts->body, PackKind::overlay, later, records, {key});
    const auto opened = OverlayPack::from_bytes(pack, now);
    return !opened && opened.error().fault == PackFault::bad_signature;
  };
  CHECK(refused({}, old_key));
  const SecretKey thief = SecretKey::generate();
  TrustedKeys stolen = now;
  stolen.root_version = now.root_version + 1;
  stolen.root_keys = {thief.public_key()};
  stolen.keys = {thief.public_key()};
  CHECK(refused({make_root(stolen, {thief, old_root})}, thief));
  // An agent that never heard of the new keys still opens what the old key signed; that is what
  // replacing in time is for.
  CHECK(OverlayPack::from_bytes(seal_pack(parts->body, PackKind::overlay, later, {}, {old_key}),
                                *known));

  // The old secrets are gone, and the collector starts with the new ones.
  for (const char* gone :
       {"ca/overlay.key", "ca/overlay-root.key", "ca/overlay-2.key", "ca/overlay-root-2.key"}) {
    CHECK_FALSE(*desk.files.exists(desk.folder.file(gone)));
  }
  const auto again = desk.open();
  CHECK(again->trust() == rules->trust());
  CHECK(again->overlay()->version() == rules->overlay()->version());
  CHECK(again->read_file().what == What::unchanged);
}

TEST_CASE("OwnRules: new keys reach agents also when the file is wrong, or there is none",
          "[collector][rules]") {
  Desk desk;
  const auto opens = [](const OwnRules& rules, const TrustedKeys& known) {
    const auto opened = OverlayPack::from_bytes(bytes_of(rules.bytes()), known);
    return opened && (*opened)->trusted().root_version == 2;
  };
  SECTION("a wrong file") {
    desk.write(kTimesheet);
    const auto rules = desk.open();
    REQUIRE(rules->read_file().what == What::taken);
    const auto known = parse_trust(rules->trust());
    desk.write("tools: [");
    REQUIRE(rules->read_file().what == What::refused);
    CHECK(rules->replace_keys().what == What::taken);
    CHECK(opens(*rules, *known));
    CHECK(rules->overlay()->own_tools() == std::vector<std::string_view>{"timesheet"});
  }
  SECTION("no overlay yet") {
    const auto rules = desk.open();
    const auto known = parse_trust(rules->trust());
    CHECK(rules->replace_keys().what == What::taken);
    CHECK(opens(*rules, *known));
    CHECK(rules->overlay()->own_tools().empty());
  }
}

TEST_CASE("OwnRules: without the root's secret, or with another, nothing is replaced",
          "[collector][rules]") {
  Desk desk;
  desk.write(kTimesheet);
  const auto rules = desk.open();
  REQUIRE(rules->read_file().what == What::taken);
  const std::string trust = rules->trust();
  const std::string bytes = rules->bytes();
  const std::string root = desk.folder.file("ca/overlay-root.key");
  SECTION("kept elsewhere") {
    REQUIRE(desk.files.remove(root));
    CHECK(rules->replace_keys().text.find("bring it back") != std::string::npos);
  }
  SECTION("another one") {
    REQUIRE(replace_file(desk.files, root, SecretKey::generate().to_text(), Durable::no));
    CHECK(rules->replace_keys().text.find("not the root that agents know") != std::string::npos);
  }
  CHECK(rules->last().what == What::refused);
  CHECK(rules->trust() == trust);
  CHECK(rules->bytes() == bytes);
  CHECK(desk.open()->trust() == trust);  // it runs on without
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
