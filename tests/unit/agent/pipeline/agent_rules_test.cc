#include "agent/agent_rules.h"

#include <string>
#include <vector>

#include "agent/agent_error.h"
#include "agent/data_folder.h"
#include "agent/self_test.h"
#include "agent/uplink/identity.h"
#include "core/catalog/trust.h"
#include "core/file.h"
#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::PackBuilder;
using testing::TempDirectory;
using testing::test_time;
using wire::PushKind;

// trust_of gives the root record that names a builder's key.
std::string trust_of(const PackBuilder& builder) {
  const SecretKey root = SecretKey::generate();
  TrustedKeys keys;
  keys.root_version = 1;
  keys.root_keys = {root.public_key()};
  keys.keys = {builder.key().public_key()};
  keys.root_expires = test_time() + std::chrono::days{1000};
  return make_root(keys, {root});
}

// Workstation is an agent's data folder with an installed catalogue of one tool.
struct Workstation {
  TempDirectory folder;
  PosixFileSystem files;
  PackBuilder catalogue;
  PackBuilder overlay;
  Config config;

  Workstation() {
    catalogue.tool("trello");
    catalogue.rule("trello.com");
    overlay.tool("timesheet");
    overlay.rule(".time.corp.example");
    config.data = folder.file("data");
    config.rules = folder.file("catalogue.pack");
    config.trust = folder.file("catalogue.trust");
    store(config.rules, catalogue.bytes());
    REQUIRE(replace_file(files, config.trust, trust_of(catalogue), Durable::no));
  }

  void store(const std::string& path, const std::vector<std::uint8_t>& bytes) {
    REQUIRE(files.make_directory(parent_directory(path)));
    REQUIRE(replace_file(files, path, text_of(bytes), Durable::no));
  }
  void enrol() {
    REQUIRE(store_overlay_trust(files, DataFolder{config.data}.identity(), trust_of(overlay)));
  }
  std::string overlay_path() const { return DataFolder{config.data}.overlay(); }
  std::vector<std::uint8_t> overlay_bytes() const { return overlay.bytes(PackKind::overlay); }
  AgentRules open() const { return AgentRules::open(config); }
};

bool names_own_tool(const AgentRules& rules) {
  const HostMatch match = rules.pack()->match("a.time.corp.example");
  return match.meaning == Meaning::tool && rules.pack()->tool(match.tool).id == "timesheet";
}

TEST_CASE("AgentRules: an overlay of the collector's key is laid over the catalogue",
          "[agent][rules]") {
  Workstation ws;
  ws.enrol();
  AgentRules rules = ws.open();
  CHECK_FALSE(names_own_tool(rules));
  REQUIRE(rules.check(PushKind::overlay, ws.overlay_bytes(), test_time()));
  CHECK_FALSE(names_own_tool(rules));
  ws.store(ws.overlay_path(), ws.overlay_bytes());
  REQUIRE(rules.take(PushKind::overlay, ws.overlay_path()));
  CHECK(names_own_tool(rules));
  CHECK(rules.overlay_version() == 5);
  CHECK(rules.own_tools() == 1);
  CHECK(rules.pack()->match("trello.com").meaning == Meaning::tool);
  CHECK(names_own_tool(ws.open()));
}

TEST_CASE("AgentRules: a new catalogue comes below the overlay that is there", "[agent][rules]") {
  Workstation ws;
  ws.enrol();
  ws.store(ws.overlay_path(), ws.overlay_bytes());
  AgentRules rules = ws.open();
  ws.catalogue.manifest().version = 6;
  ws.catalogue.rule("asana.com");
  REQUIRE(rules.check(PushKind::rule_pack, ws.catalogue.bytes(), test_time()));
  ws.store(ws.folder.file("new.pack"), ws.catalogue.bytes());
  REQUIRE(rules.take(PushKind::rule_pack, ws.folder.file("new.pack")));
  CHECK(rules.version() == 6);
  CHECK(rules.pack()->match("asana.com").meaning == Meaning::tool);
  CHECK(names_own_tool(rules));
}

TEST_CASE("AgentRules: a check yields the rules as they would be, for the self-test",
          "[agent][rules]") {
  Workstation ws;
  ws.enrol();
  const AgentRules rules = ws.open();
  const auto next = rules.check(PushKind::overlay, ws.overlay_bytes(), test_time());
  REQUIRE(next);
  CHECK(names_own_tool(*next));
  CHECK(next->overlay_version() == 5);
  CHECK(self_test_overlaid(next->pack()).empty());
  ws.overlay.rule(".gnomon.invalid");
  const auto greedy = rules.check(PushKind::overlay, ws.overlay_bytes(), test_time());
  REQUIRE(greedy);
  CHECK(self_test_overlaid(greedy->pack()) ==
        "self-test failed: it gives a meaning to a host that cannot exist");
}

TEST_CASE("AgentRules: neither key signs for the other", "[agent][rules]") {
  Workstation ws;
  ws.enrol();
  const AgentRules rules = ws.open();
  const auto with_key = [](const PackBuilder& content, const PackBuilder& signer, PackKind kind) {
    PackBuilder copy = content;
    return seal_pack(encode_body(copy.content()), kind, copy.manifest(), {}, {signer.key()});
  };
  const auto by_catalogue = with_key(ws.overlay, ws.catalogue, PackKind::overlay);
  const auto by_overlay = with_key(ws.catalogue, ws.overlay, PackKind::catalogue);
  CHECK_FALSE(rules.check(PushKind::overlay, by_catalogue, test_time()));
  CHECK_FALSE(rules.check(PushKind::rule_pack, by_overlay, test_time()));
  CHECK_FALSE(rules.check(PushKind::overlay, ws.catalogue.bytes(), test_time()));
  CHECK_FALSE(rules.check(PushKind::rule_pack, ws.overlay_bytes(), test_time()));
}

TEST_CASE("AgentRules: an older and an expired overlay are refused, and the one in use stays",
          "[agent][rules]") {
  Workstation ws;
  ws.enrol();
  ws.store(ws.overlay_path(), ws.overlay_bytes());
  AgentRules rules = ws.open();
  PackBuilder older = ws.overlay;
  older.manifest().version = 4;
  CHECK_FALSE(rules.check(PushKind::overlay, older.bytes(PackKind::overlay), test_time()));
  ws.store(ws.folder.file("older.pack"), older.bytes(PackKind::overlay));
  CHECK_FALSE(rules.take(PushKind::overlay, ws.folder.file("older.pack")));
  CHECK_FALSE(
      rules.check(PushKind::overlay, ws.overlay_bytes(), test_time() + std::chrono::days{31}));
  CHECK(rules.overlay_version() == 5);
  CHECK(names_own_tool(rules));
}

TEST_CASE("AgentRules: new keys of the collector are followed and kept, the old ones refused",
          "[agent][rules]") {
  Workstation ws;
  const SecretKey root = SecretKey::generate();
  const SecretKey new_root = SecretKey::generate();
  const SecretKey new_key = SecretKey::generate();
  const auto names = [](std::uint32_t version, const SecretKey& of_root, const SecretKey& key) {
    TrustedKeys keys;
    keys.root_version = version;
    keys.root_keys = {of_root.public_key()};
    keys.keys = {key.public_key()};
    keys.root_expires = test_time() + std::chrono::days{1000};
    return keys;
  };
  const std::string identity = DataFolder{ws.config.data}.identity();
  REQUIRE(
      store_overlay_trust(ws.files, identity, make_root(names(1, root, ws.overlay.key()), {root})));
  ws.store(ws.overlay_path(), ws.overlay_bytes());
  AgentRules rules = ws.open();
  REQUIRE(rules.overlay_version() == 5);

  const auto sealed = [&](std::uint32_t version, const std::vector<std::string>& records,
                          const SecretKey& key) {
    Manifest manifest = ws.overlay.manifest();
    manifest.version = version;
    return seal_pack(encode_body(ws.overlay.content()), PackKind::overlay, manifest, records,
                     {key});
  };
  const auto takes = [](const AgentRules& by, const std::vector<std::uint8_t>& pack) {
    return by.check(PushKind::overlay, pack, test_time()).has_value();
  };
  const std::string record = make_root(names(2, new_root, new_key), {new_root, root});
  CHECK_FALSE(takes(rules, sealed(6, {}, new_key)));
  // A record that the old root has not signed leads nowhere.
  CHECK_FALSE(
      takes(rules, sealed(6, {make_root(names(2, new_root, new_key), {new_root})}, new_key)));
  const auto followed = sealed(6, {record}, new_key);
  REQUIRE(takes(rules, followed));
  ws.store(ws.overlay_path(), followed);
  REQUIRE(rules.take(PushKind::overlay, ws.overlay_path()));
  CHECK_FALSE(takes(rules, sealed(7, {}, ws.overlay.key())));
  CHECK(takes(rules, sealed(7, {}, new_key)));
  CHECK(takes(rules, sealed(7, {record}, new_key)));

  // After a start likewise, also when the overlay itself was lost.
  CHECK(ws.open().overlay_version() == 6);
  REQUIRE(ws.files.remove(ws.overlay_path()));
  const AgentRules later = ws.open();
  CHECK(later.overlay_version() == 0);
  CHECK_FALSE(takes(later, sealed(7, {}, ws.overlay.key())));
  CHECK(takes(later, sealed(7, {record}, new_key)));
}

TEST_CASE("AgentRules: without the collector's key, or with a damaged file, there is no overlay",
          "[agent][rules]") {
  Workstation ws;
  ws.store(ws.overlay_path(), ws.overlay_bytes());
  const AgentRules rules = ws.open();
  CHECK(rules.overlay_version() == 0);
  const auto refused = rules.check(PushKind::overlay, ws.overlay_bytes(), test_time());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("enrol it again") != std::string::npos);
  ws.enrol();
  auto damaged = ws.overlay_bytes();
  damaged.back() ^= 1;
  ws.store(ws.overlay_path(), damaged);
  CHECK(ws.open().overlay_version() == 0);
  CHECK(ws.open().pack()->match("trello.com").meaning == Meaning::tool);
}

TEST_CASE("AgentRules: an overlay of more than a thousand own tools is refused", "[agent][rules]") {
  Workstation ws;
  ws.enrol();
  const AgentRules rules = ws.open();
  for (std::size_t i = 1; i < kMaxOwnTools; ++i) {
    ws.overlay.tool("own" + std::to_string(i));
  }
  CHECK(rules.check(PushKind::overlay, ws.overlay_bytes(), test_time()));
  ws.overlay.tool("one-more");
  CHECK_FALSE(rules.check(PushKind::overlay, ws.overlay_bytes(), test_time()));
}

}  // namespace
}  // namespace gnomon
