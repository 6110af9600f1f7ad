// Agent and collector over loopback: enrol, send, lose the connection, go on.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "collector/enrol/admin_client.h"
#include "core/net/crypto.h"
#include "tests/support/catch.h"
#include "tests/support/transport_world.h"

namespace gnomon {
namespace {

using testing::TestAgent;
using testing::TransportWorld;

std::vector<std::string> tools(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    names.push_back("tool-" + std::to_string(i));
  }
  return names;
}

TEST_CASE(
    "Transport: a thousand batches arrive once each though the connection is cut again and "
    "again",
    "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  CHECK(enrolled->agent_port == world.ingest->port());
  world.sink.on_stored = [&](std::size_t count) {
    if (count % 250 == 0) {
      world.proxy->cut();
    }
  };
  TestAgent agent(world, "agent", world.proxy_address());
  const auto sent = tools(1000);
  for (const std::string& tool : sent) {
    agent.append(tool);
  }
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent) == sent);
  CHECK(agent.uplink->status().connections >= 4);
  CHECK(agent.uplink->status().resumed);
  CHECK(world.counters.value("ingest_connections_total{resumed=\"yes\"}") >= 1);
}

TEST_CASE("Transport: connections that break inside a frame lose nothing", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  world.proxy->cut_after(9'999);
  TestAgent agent(world, "agent", world.proxy_address());
  const auto sent = tools(300);
  for (const std::string& tool : sent) {
    agent.append(tool);
  }
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent) == sent);
  CHECK(agent.uplink->status().connections >= 3);
}

TEST_CASE("Transport: a batch spooled while connected arrives at once", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TestAgent agent(world, "agent", world.ingest_address());
  REQUIRE(agent.run_until([&] { return agent.uplink->status().state == UplinkState::connected; }));
  agent.append("late");
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent) == std::vector<std::string>{"late"});
  const auto offset = agent.uplink->status().clock_offset;
  REQUIRE(offset);
  CHECK(std::chrono::abs(*offset) < std::chrono::seconds{5});
  REQUIRE(world.ingest->live().size() == 1);
  CHECK(world.ingest->live()[0].agent == enrolled->identity.agent);
}

TEST_CASE("Transport: a collector that cannot store is waited for, and misses nothing",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  world.sink.set_unavailable(true);
  TestAgent agent(world, "agent", world.ingest_address());
  const auto sent = tools(100);
  for (const std::string& tool : sent) {
    agent.append(tool);
  }
  REQUIRE(agent.run_until(
      [&] { return world.counters.value("ingest_batches_total{outcome=\"unavailable\"}") > 0; }));
  CHECK(agent.spool->waiting() == 100);
  world.sink.set_unavailable(false);
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent) == sent);
  CHECK(agent.uplink->status().connections == 1);
}

TEST_CASE("Transport: a collector that cannot store is let alone for as long as it asks",
          "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  world.sink.set_unavailable(true);
  TestAgent agent(world, "agent", world.ingest_address());
  agent.append("first");
  const auto sent = [&] { return agent.counters.value("uplink_batches_sent_total"); };
  REQUIRE(agent.run_until([&] { return sent() == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  // What is new in the spool meanwhile wakes the agent, and is no reason to ask again. The first of
  // it may be on its way before the answer is heard: it is the first batch that must not come back.
  int more = 0;
  REQUIRE(agent.run_until([&] {
    if (world.counters.value("ingest_batches_total{outcome=\"unavailable\"}") > 0 && more < 20) {
      agent.append("more" + std::to_string(++more));
    }
    return world.sink.offered(1) > 1 && more == 20;
  }));
  // upload_window.cc asks for two seconds, and the answer cannot have come before `begin`.
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds{2000});
  world.sink.set_unavailable(false);
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
}

TEST_CASE(
    "Transport: a collector that turns agents away says for how long, and is not asked before",
    "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  world.sink.set_unreadable(true);
  constexpr std::chrono::milliseconds kMost{700};  // less than the five seconds it asks for
  TestAgent agent(world, "agent", world.ingest_address(), {},
                  [&](UplinkOptions& options) { options.max_backoff = kMost; });
  const auto turned_away = [&] { return agent.counters.value("uplink_failures_total"); };
  REQUIRE(agent.run_until([&] { return turned_away() == 1; }));
  CHECK(agent.uplink->status().reason == "the collector cannot read its store right now");
  CHECK(world.refused("cursor-unavailable"));
  const auto begin = std::chrono::steady_clock::now();
  world.sink.set_unreadable(false);
  agent.append("trello");
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  // Without its word the next attempt would come within three milliseconds. A millisecond is for
  // what passed between the failure and `begin`.
  CHECK(std::chrono::steady_clock::now() - begin >= kMost / 2);
}

TEST_CASE("Transport: a machine that enrols again goes on where it stopped", "[integration]") {
  TransportWorld world;
  const auto note = [&](UplinkOptions& options) { options.sender_path = world.path("sender"); };
  const auto former = world.enrol_into("agent", world.new_token());
  REQUIRE(former);
  {
    TestAgent agent(world, "agent", world.ingest_address(), {}, note);
    agent.append("a");
    agent.append("b");
    REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
    agent.append("waits");
  }
  const auto anew = world.enrol_into("agent", world.new_token());
  REQUIRE(anew);
  {
    TestAgent agent(world, "agent", world.ingest_address(), {}, note);
    agent.append("c");
    REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  }
  const auto stored = [&](const EnrolResult& enrolled) {
    return world.sink.stored(enrolled.identity.agent);
  };
  // "waits" may have been sent while the first agent ended, and is stored once all the same.
  auto together = stored(*former);
  const auto later = stored(*anew);
  together.insert(together.end(), later.begin(), later.end());
  CHECK(together == std::vector<std::string>{"a", "b", "waits", "c"});
  CHECK(world.sink.repeated_count() == 0);
  // Once more under the same name changes nothing.
  TestAgent again(world, "agent", world.ingest_address(), {}, note);
  again.append("d");
  REQUIRE(again.run_until([&] { return again.spool->waiting() == 0; }));
  CHECK(stored(*anew).back() == "d");
  CHECK(stored(*anew).size() == later.size() + 1);
}

TEST_CASE("Transport: a machine that enrols at another collector sends what it still keeps",
          "[integration]") {
  TransportWorld world;
  TransportWorld other;
  const auto note = [&](UplinkOptions& options) { options.sender_path = world.path("sender"); };
  REQUIRE(world.enrol_into("agent", world.new_token()));
  {
    TestAgent agent(world, "agent", world.ingest_address(), {}, note);
    agent.append("a");
    REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  }
  EnrolOptions options;
  options.addresses = {other.enrol_address()};
  options.token = other.new_token();
  options.identity_directory = world.path("agent");
  options.machine.os = "test";
  const auto moved = enrol(world.files, options);
  REQUIRE(moved);
  TestAgent agent(world, "agent", other.ingest_address(), {}, note);
  agent.append("b");
  REQUIRE(agent.run_until([&] { return other.sink.stored_count() == 2; }));
  CHECK(other.sink.stored(moved->identity.agent) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("Transport: a collector restored from a backup gets its tail again", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TestAgent agent(world, "agent", world.proxy_address());
  const auto sent = tools(50);
  for (const std::string& tool : sent) {
    agent.append(tool);
  }
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  world.sink.forget(enrolled->identity.agent, 20);
  world.proxy->cut();
  REQUIRE(agent.run_until(
      [&] { return world.sink.stored(enrolled->identity.agent).size() == sent.size(); }));
  CHECK(world.sink.stored(enrolled->identity.agent) == sent);
}

TEST_CASE("Transport: the certificate is renewed over the connection and used from then on",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  const std::string serial = enrolled->identity.chain.front().serial();
  TestAgent agent(world, "agent", world.proxy_address(), {}, [](UplinkOptions& options) {
    options.renew_from = 0.0;  // due at once
    options.renew_to = 0.0;
  });
  REQUIRE(agent.run_until([&] { return world.counters.value("enrol_renewed_total") >= 1; }));
  const auto renewed = [&]() -> std::string {
    const auto identity = load_identity(world.files, world.path("agent"));
    return identity && *identity ? (*identity)->chain.front().serial() : serial;
  };
  REQUIRE(agent.run_until([&] { return renewed() != serial; }));
  world.proxy->cut();
  agent.append("after");
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent).size() == 1);
}

TEST_CASE("Transport: rule packs, overlays and policies come down, and what is not good is refused",
          "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  const std::string pack = random_bytes(600'000);
  const std::string overlay = random_bytes(3000);
  std::vector<std::string> applied;
  UplinkHooks hooks;
  hooks.verify = [&](wire::PushKind kind, const std::string& bytes) -> Result<Ok, std::string> {
    if (kind == wire::PushKind::policy) {
      return Failure{std::string{"the policy asks for more than this machine allows"}};
    }
    const std::string& wanted = kind == wire::PushKind::overlay ? overlay : pack;
    return bytes == wanted ? Result<Ok, std::string>{Ok{}} : Failure{std::string{"other bytes"}};
  };
  hooks.apply = [&](wire::PushKind, const std::string& path) -> Result<Ok, std::string> {
    applied.push_back(path);
    return Ok{};
  };
  TestAgent agent(world, "agent", world.ingest_address(), hooks, [&](UplinkOptions& options) {
    options.pack_path = world.path("pack.bin");
    options.policy_path = world.path("policy.bin");
    options.overlay_path = world.path("overlay.bin");
  });
  world.ingest->offer(wire::PushKind::rule_pack, PushContent{5, pack});
  world.ingest->offer(wire::PushKind::policy, PushContent{2, "policy"});
  world.ingest->offer(wire::PushKind::overlay, PushContent{3, overlay});
  REQUIRE(agent.run_until([&] {
    return world.counters.value("ingest_pushes_total{kind=\"rule-pack\",applied=\"yes\"}") == 1 &&
           world.counters.value("ingest_pushes_total{kind=\"overlay\",applied=\"yes\"}") == 1 &&
           world.counters.value("ingest_pushes_total{kind=\"policy\",applied=\"no\"}") == 1;
  }));
  CHECK(applied == std::vector<std::string>{world.path("pack.bin"), world.path("overlay.bin")});
  const auto stored = read_whole_file(world.files, world.path("pack.bin"), 1 << 20);
  REQUIRE(stored);
  CHECK(*stored == pack);
  CHECK_FALSE(*world.files.exists(world.path("policy.bin")));
}

TEST_CASE("Transport: what fails its self-test is rolled back", "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  REQUIRE(replace_file(world.files, world.path("pack.bin"), "the old one"));
  UplinkHooks hooks;
  hooks.verify = [](wire::PushKind, const std::string&) -> Result<Ok, std::string> { return Ok{}; };
  hooks.apply = [](wire::PushKind, const std::string&) -> Result<Ok, std::string> {
    return Failure{std::string{"the self-test failed"}};
  };
  TestAgent agent(world, "agent", world.ingest_address(), hooks,
                  [&](UplinkOptions& options) { options.pack_path = world.path("pack.bin"); });
  world.ingest->offer(wire::PushKind::rule_pack, PushContent{5, "the new one"});
  REQUIRE(agent.run_until([&] {
    return world.counters.value("ingest_pushes_total{kind=\"rule-pack\",applied=\"no\"}") == 1;
  }));
  CHECK(*read_whole_file(world.files, world.path("pack.bin"), 100) == "the old one");
}

TEST_CASE("Transport: several agents at once, each under its own name", "[integration]") {
  TransportWorld world;
  const std::string token = world.new_token(5);
  std::vector<std::string> ids;
  std::vector<std::unique_ptr<TestAgent>> agents;
  for (int i = 0; i < 5; ++i) {
    const std::string name = "agent-" + std::to_string(i);
    const auto enrolled = world.enrol_into(name, token);
    REQUIRE(enrolled);
    ids.push_back(enrolled->identity.agent);
    agents.push_back(std::make_unique<TestAgent>(world, name, world.ingest_address()));
    agents.back()->append("of-" + std::to_string(i));
  }
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 5);
  for (std::size_t i = 0; i < agents.size(); ++i) {
    REQUIRE(agents[i]->run_until([&] { return agents[i]->spool->waiting() == 0; }));
    CHECK(world.sink.stored(ids[i]) == std::vector<std::string>{"of-" + std::to_string(i)});
  }
}

TEST_CASE("Transport: a second collector address is tried when the first does not answer",
          "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  TestAgent agent(world, "agent", {"127.0.0.1", 1}, {}, [&](UplinkOptions& options) {
    options.addresses.push_back(world.ingest_address());
  });
  agent.append("one");
  CHECK(agent.run_until([&] { return agent.spool->waiting() == 0; }));
}

TEST_CASE("Transport: an address that answers and does not serve makes way for the next",
          "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  world.proxy->cut_after(1);  // nobody gets through the handshake there
  TestAgent agent(world, "agent", world.proxy_address(), {}, [&](UplinkOptions& options) {
    options.addresses.push_back(world.ingest_address());
  });
  agent.append("one");
  CHECK(agent.run_until([&] { return agent.spool->waiting() == 0; }));
}

TEST_CASE("Transport: heartbeats tell how the agent fares, and the clocks are compared",
          "[integration]") {
  IngestOptions options;
  options.heartbeat = std::chrono::seconds{1};
  TransportWorld world(options);
  REQUIRE(world.enrol_into("agent", world.new_token()));
  UplinkHooks hooks;
  hooks.health = [] {
    Health health;
    health.packets = 77;
    health.notes = {"the disk is slow"};
    return health;
  };
  TestAgent agent(world, "agent", world.ingest_address(), hooks);
  std::vector<LiveAgent> live;
  REQUIRE(agent.run_until([&] {
    live = world.ingest->live();
    return live.size() == 1 && live[0].health.has_value();
  }));
  CHECK(live[0].health->packets == 77);
  CHECK(live[0].health->notes == std::vector<std::string>{"the disk is slow"});
  CHECK(std::chrono::abs(live[0].clock_offset) < std::chrono::seconds{5});
  CHECK(world.counters.value("ingest_heartbeats_total") >= 1);
}

TEST_CASE("Administration: tokens, agents and the authority over the collector's socket",
          "[integration]") {
  TransportWorld world;
  const std::string socket = world.path(kAdminSocket);
  const auto call = [&](const std::string& command, std::vector<wire::Field> arguments = {}) {
    const auto reply = admin_call(socket, wire::AdminRequest{command, std::move(arguments)});
    REQUIRE(reply);
    return *reply;
  };
  const auto field = [](const wire::AdminRow& row, const std::string& name) {
    const auto found = std::find_if(row.begin(), row.end(),
                                    [&](const wire::Field& each) { return each.first == name; });
    REQUIRE(found != row.end());
    return found->second;
  };
  const auto created = call("token create", {{"label", "sales laptops"}, {"uses", "2"}});
  REQUIRE(created.rows.size() == 1);
  const auto enrolled = world.enrol_into("agent", field(created.rows[0], "token"));
  REQUIRE(enrolled);
  const auto tokens = call("token list");
  REQUIRE(tokens.rows.size() == 1);
  CHECK(field(tokens.rows[0], "uses") == "1");
  CHECK(field(tokens.rows[0], "label") == "sales laptops");
  const auto agents = call("agents list");
  REQUIRE(agents.rows.size() == 1);
  CHECK(field(agents.rows[0], "id") == enrolled->identity.agent);
  CHECK(field(agents.rows[0], "state") == "active");
  CHECK(call("agents revoke", {{"id", enrolled->identity.agent}}).error.empty());
  CHECK(field(call("agents list").rows[0], "state") == "revoked");
  CHECK(call("token revoke", {{"id", field(created.rows[0], "id")}}).error.empty());
  CHECK(call("token revoke", {{"id", "nobody"}}).error == "there is no such token");
  CHECK(call("token create", {{"uses", "0"}}).error ==
        "uses must be 1 to 100000 and hours 1 to 2160");
  CHECK(field(call("ca show").rows[0], "key_sha256") ==
        to_hex(world.authority->root().key_sha256()));
  CHECK(call("make coffee").error == "there is no such command");
}

}  // namespace
}  // namespace gnomon
