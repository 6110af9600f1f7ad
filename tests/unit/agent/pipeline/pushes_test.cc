#include "agent/pushes.h"

#include <optional>
#include <string>
#include <vector>

#include "agent/unknowns_desk.h"
#include "agent/uplink/identity.h"
#include "agent/uplink/push_receiver.h"
#include "core/catalog/trust.h"
#include "core/net/crypto.h"
#include "core/sha256.h"
#include "tests/support/catch.h"
#include "tests/support/fake_rule_pack.h"
#include "tests/support/manual_clock.h"
#include "tests/support/pack_builder.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/agent/pipeline/policy_authority.h"

namespace gnomon {
namespace {

using testing::ManualClock;
using testing::PackBuilder;
using testing::PolicyAuthority;
using testing::TempDirectory;
using testing::test_time;
using wire::PushKind;

constexpr std::uint32_t kTokenEpoch = 8107;

std::string trust_of(const PackBuilder& builder) {
  const SecretKey root = SecretKey::generate();
  TrustedKeys keys;
  keys.root_version = 1;
  keys.root_keys = {root.public_key()};
  keys.keys = {builder.key().public_key()};
  keys.root_expires = test_time() + std::chrono::days{1000};
  return make_root(keys, {root});
}

PackBuilder pack_with(const std::string& tool, const std::string& pattern) {
  PackBuilder builder;
  builder.tool(tool);
  builder.rule(pattern);
  return builder;
}

// Workstation is an enrolled agent's folder. start() is a start of the program, and end() kills it.
struct Workstation {
  Workstation() {
    clock.jump(test_time() - clock.wall());
    config.data = folder.file("data");
    config.rules = folder.file("installed.pack");
    config.trust = folder.file("installed.trust");
    config.report_unknowns = true;
    REQUIRE(files.make_directory(config.data));
    // Installed is version 5; what is pushed is newer.
    REQUIRE(replace_file(files, config.rules, text_of(catalogue.bytes()), Durable::no));
    REQUIRE(replace_file(files, config.trust, trust_of(catalogue), Durable::no));
    authority.enrol(files, place.identity());
    REQUIRE(store_overlay_trust(files, place.identity(), trust_of(overlay)));
  }

  void start() {
    end();
    settle_trials(files, place);
    pushes.emplace(files, clock, config, AgentRules::open(config));
    pushes->on_pack([this](std::shared_ptr<const RulePack> pack) { in_use = std::move(pack); });
    in_use = pushes->rules().pack();
    UplinkOptions options;
    options.pack_path = place.pack();
    options.overlay_path = place.overlay();
    options.policy_path = place.policy();
    uplink_options = options;
    hooks.verify = [this](PushKind kind, const std::string& bytes) {
      return pushes->verify(kind, bytes);
    };
    hooks.apply = [this](PushKind kind, const std::string& path) {
      return pushes->apply(kind, path);
    };
    receiver.emplace(files, uplink_options, hooks);
  }

  void end() {
    receiver.reset();
    pushes.reset();
  }

  // push yields why it was not taken; empty when it was.
  std::string push(PushKind kind, std::uint32_t version, const std::string& bytes) {
    const auto reply =
        receiver->take(wire::Push{kind, version, bytes.size(), 0, bytes, sha256_text(bytes), 0});
    REQUIRE(reply);
    CHECK(reply->applied == reply->reason.empty());
    return reply->reason;
  }

  std::string push_overlay(PackBuilder& builder, std::uint32_t version) {
    builder.manifest().version = version;
    return push(PushKind::overlay, version, std::string{text_of(builder.bytes(PackKind::overlay))});
  }

  bool names(const std::string& host) const { return in_use->match(host).meaning == Meaning::tool; }

  TempDirectory folder;
  PosixFileSystem files;
  ManualClock clock;
  Config config;
  DataFolder place{folder.file("data")};
  PackBuilder catalogue = pack_with("trello", "trello.com");
  PackBuilder overlay = pack_with("timesheet", ".time.corp.example");
  PolicyAuthority authority{test_time()};
  std::optional<Pushes> pushes;
  std::shared_ptr<const RulePack> in_use;
  UplinkOptions uplink_options;
  UplinkHooks hooks;
  std::optional<PushReceiver> receiver;
};

TEST_CASE("Pushes: an overlay that fails its self-test is refused, and what is there stays",
          "[agent][push]") {
  Workstation ws;
  ws.start();
  REQUIRE(ws.push_overlay(ws.overlay, 5).empty());
  PackBuilder greedy = ws.overlay;
  greedy.rule(".gnomon.invalid");
  CHECK(ws.push_overlay(greedy, 6) ==
        "self-test failed: it gives a meaning to a host that cannot exist");
  CHECK(ws.pushes->rules().overlay_version() == 5);
  CHECK(ws.names("a.time.corp.example"));
  // Nor is it there when the program starts again, and a good one is still taken.
  ws.start();
  CHECK(ws.pushes->rules().overlay_version() == 5);
  CHECK(ws.push_overlay(ws.overlay, 7).empty());
  CHECK(ws.pushes->notes().empty());
}

TEST_CASE("Pushes: an overlay that the agent dies with is put back, and not taken again",
          "[agent][push]") {
  Workstation ws;
  ws.start();
  REQUIRE(ws.push_overlay(ws.overlay, 5).empty());
  ws.clock.advance(Pushes::kProvenAfter);
  ws.pushes->tick();
  PackBuilder next = ws.overlay;
  next.rule(".hours.corp.example");
  REQUIRE(ws.push_overlay(next, 6).empty());
  CHECK(ws.names("a.hours.corp.example"));
  for (std::uint32_t death = 0; death < PushTrial::kMaxStarts; ++death) {
    ws.start();
    CHECK(ws.pushes->rules().overlay_version() == 6);
  }
  ws.start();
  CHECK(ws.pushes->rules().overlay_version() == 5);
  CHECK(ws.names("a.time.corp.example"));
  CHECK_FALSE(ws.names("a.hours.corp.example"));
  CHECK(ws.names("trello.com"));
  CHECK(ws.pushes->notes() == std::vector<std::string>{"overlay 6 was rolled back"});
  CHECK(ws.push_overlay(next, 6) ==
        "version 6 was tried, and the agent ended again and again with it");
  CHECK(ws.push_overlay(next, 7).empty());
  CHECK(ws.names("a.hours.corp.example"));
  CHECK(ws.pushes->notes().empty());
}

TEST_CASE("Pushes: ten minutes with an overlay prove it", "[agent][push]") {
  Workstation ws;
  ws.start();
  REQUIRE(ws.push_overlay(ws.overlay, 5).empty());
  ws.clock.advance(Pushes::kProvenAfter - std::chrono::seconds{1});
  ws.pushes->tick();
  CHECK(PushTrial(ws.files, ws.place.overlay()).on_trial());
  ws.clock.advance(std::chrono::seconds{1});
  ws.pushes->tick();
  CHECK_FALSE(PushTrial(ws.files, ws.place.overlay()).on_trial());
  for (std::uint32_t death = 0; death < 2 * PushTrial::kMaxStarts; ++death) {
    ws.start();
    CHECK(ws.pushes->rules().overlay_version() == 5);
  }
}

TEST_CASE(
    "Pushes: a policy that switches unknown domains off stops their tokens, also after a "
    "restart",
    "[agent][push][unknowns]") {
  Workstation ws;
  REQUIRE(replace_file(ws.files, ws.place.unknowns_key(), to_hex(std::string(32, 'k')) + "\n"));
  const testing::FakeRulePack nothing_known;
  UnknownLedger seen;
  for (int day = 0; day < 2; ++day) {
    for (const char* host : {"a.example", "b.example"}) {
      seen.see(nothing_known, host, ws.clock.wall() + std::chrono::days{day}, Manner::opened);
    }
  }
  const auto ledger = seen.encode();
  const auto leaving = [](UnknownsDesk& desk) {
    std::size_t tokens = 0;
    desk.report([&](const std::vector<TokenReport>& reports) {
      tokens += reports.size();
      return true;
    });
    return tokens;
  };
  const auto policy = [&](std::uint32_t version, bool report) {
    Policy asked;
    asked.version = version;
    asked.report_unknowns = report;
    return ws.push(PushKind::policy, version, ws.authority.bytes_of_policy(asked));
  };
  ws.start();
  {
    UnknownsDesk desk{ws.files, ws.clock, ws.config, nullptr};
    desk.take_ledger(ledger);
    desk.take_policy({true, kTokenEpoch});
    ws.pushes->on_in_force([&](const InForce& now) { desk.set_allowed(now.unknowns); });
    REQUIRE(policy(1, false).empty());
    CHECK_FALSE(ws.pushes->in_force().unknowns);
    CHECK(leaving(desk) == 0);
  }
  ws.start();
  UnknownsDesk desk{ws.files, ws.clock, ws.config, nullptr};
  desk.take_ledger(ledger);
  desk.take_policy({true, kTokenEpoch});
  CHECK(leaving(desk) == 0);
  ws.pushes->on_in_force([&](const InForce& now) { desk.set_allowed(now.unknowns); });
  REQUIRE(policy(2, true).empty());
  CHECK(leaving(desk) == 2);
}

TEST_CASE("Pushes: no policy raises what the machine forbids", "[agent][push]") {
  Workstation ws;
  ws.config.report_unknowns = false;
  ws.config.collect_users = false;
  ws.start();
  Policy asked;
  asked.version = 1;
  asked.report_unknowns = true;
  asked.collect_users = true;
  asked.window_minutes = 1;
  REQUIRE(ws.push(PushKind::policy, 1, ws.authority.bytes_of_policy(asked)).empty());
  CHECK(ws.pushes->in_force().policy_version == 1);
  CHECK_FALSE(ws.pushes->in_force().unknowns);
  CHECK_FALSE(ws.pushes->in_force().users);
  CHECK(ws.pushes->in_force().window == std::chrono::minutes{ws.config.window_minutes});
}

TEST_CASE("Pushes: an older policy, a foreign and a damaged one are refused", "[agent][push]") {
  Workstation ws;
  ws.start();
  Policy asked;
  asked.version = 7;
  asked.collect_users = false;
  const std::string good = ws.authority.bytes_of_policy(asked);
  REQUIRE(ws.push(PushKind::policy, 7, good).empty());
  CHECK(ws.push(PushKind::policy, 7, good) == "it is not newer than the one in force");
  asked.version = 8;
  const PolicyAuthority other{test_time()};
  CHECK(ws.push(PushKind::policy, 8, other.bytes_of_policy(asked)) ==
        "it is not signed by this agent's own collector");
  CHECK(ws.push(PushKind::policy, 8, "rubbish") == "it is no policy");
  CHECK(ws.pushes->in_force().policy_version == 7);
  ws.start();
  CHECK(ws.pushes->in_force().policy_version == 7);
}

}  // namespace
}  // namespace gnomon
