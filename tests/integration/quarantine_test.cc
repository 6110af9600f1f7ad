// Agents that slept past their certificate, and identities that are in use twice.

#include <algorithm>
#include <string>

#include <boost/asio/io_context.hpp>

#include "agent/uplink/identity.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/transport_world.h"

namespace gnomon {
namespace {

using testing::TestAgent;
using testing::TransportWorld;

// Sleeper is an enrolled agent whose certificate ended `ago`.
struct Sleeper {
  explicit Sleeper(std::chrono::hours ago) {
    auto enrolled = world.enrol_into("agent", world.new_token());
    REQUIRE(enrolled);
    Identity identity = enrolled->identity;
    id = identity.agent;
    AuthorityOptions past;
    past.directory = world.path("ca");
    past.agent_life = -ago;
    const auto authority = Authority::open(world.files, world.clock, past);
    REQUIRE(authority);
    identity.chain = (*authority)->issue_agent(PublicKey::of(identity.key), id);
    REQUIRE(store_identity(world.files, world.path("agent"), identity));
  }

  AgentInfo info() {
    const auto agents = world.registry->agents();
    REQUIRE(agents);
    const auto found = std::find_if(agents->begin(), agents->end(),
                                    [&](const AgentInfo& agent) { return agent.id == id; });
    REQUIRE(found != agents->end());
    return *found;
  }

  TransportWorld world;
  std::string id;
};

TEST_CASE("Quarantine: an agent that slept past its certificate waits there until it is released",
          "[integration]") {
  Sleeper sleeper{std::chrono::hours{24}};
  TransportWorld& world = sleeper.world;
  TestAgent agent(world, "agent", world.ingest_address());
  agent.append("trello");
  REQUIRE(agent.run_until([&] {
    return agent.uplink->status().reason ==
           "this agent was away for too long: an administrator must release it";
  }));
  CHECK(agent.uplink->status().state == UplinkState::refused);
  CHECK(world.refused("quarantined"));
  CHECK(world.sink.stored_count() == 0);
  CHECK(agent.spool->waiting() == 1);
  CHECK(sleeper.info().quarantined);
  REQUIRE(*world.registry->release_agent(sleeper.id));
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK_FALSE(sleeper.info().quarantined);
  CHECK_FALSE(*world.registry->release_agent(sleeper.id));  // it is in none any more
}

TEST_CASE("Quarantine: where the collector says so, the asleep are let in at once",
          "[integration]") {
  Sleeper sleeper{std::chrono::hours{24 * 29}};
  TransportWorld& world = sleeper.world;
  REQUIRE(world.registry->set_auto_release(true));
  TestAgent agent(world, "agent", world.ingest_address());
  agent.append("trello");
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.counters.value("enrol_asleep_total{quarantined=\"no\"}") == 1);
}

TEST_CASE("Quarantine: an agent that was revoked while it slept stays out", "[integration]") {
  Sleeper sleeper{std::chrono::hours{24}};
  TransportWorld& world = sleeper.world;
  REQUIRE(world.registry->revoke_agent(sleeper.id));
  TestAgent agent(world, "agent", world.ingest_address());
  REQUIRE(agent.run_until([&] { return agent.uplink->status().state == UplinkState::refused; }));
  CHECK(agent.uplink->status().reason == "this agent was revoked");
  CHECK_FALSE(*world.registry->release_agent(sleeper.id));
}

TEST_CASE("Quarantine: it survives the collector", "[integration]") {
  Sleeper sleeper{std::chrono::hours{24}};
  TransportWorld& world = sleeper.world;
  {
    TestAgent agent(world, "agent", world.ingest_address());
    REQUIRE(agent.run_until([&] { return world.registry->bar(sleeper.id) == Bar::quarantined; }));
  }
  const auto reopened = Registry::open(world.store, *world.authority, world.clock, world.counters);
  REQUIRE(reopened);
  CHECK((*reopened)->bar(sleeper.id) == Bar::quarantined);
}

TEST_CASE("Quarantine: an agent whose clock jumped past its certificate is served all the same",
          "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  testing::ManualClock ahead;
  ahead.jump(world.clock.wall() - ahead.wall() + std::chrono::hours{24 * 20});
  Counters counters;
  SpoolOptions spool_options;
  spool_options.directory = world.path("spool");
  const auto spool = Spool::open(world.files, ahead, counters, spool_options);
  REQUIRE(spool);
  REQUIRE((*spool)->append(testing::batch_of("trello")));
  boost::asio::io_context io;
  UplinkOptions options;
  options.addresses = {world.ingest_address()};
  options.identity_directory = world.path("agent");
  Uplink uplink(io, world.files, **spool, ahead, counters, options, {});
  uplink.start();
  for (int turn = 0; turn < 2000 && (*spool)->waiting() > 0; ++turn) {
    io.run_one_for(std::chrono::milliseconds{10});
  }
  CHECK((*spool)->waiting() == 0);
  CHECK(world.counters.value("enrol_asleep_total{quarantined=\"yes\"}") == 0);
  uplink.stop();
  io.run_for(std::chrono::seconds{5});
}

TEST_CASE("Clones: one identity in two places is noticed, and both must enrol again",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TestAgent one(world, "agent", world.ingest_address());
  TestAgent two(world, "copy", world.ingest_address(), {},
                [&](UplinkOptions& options) { options.identity_directory = world.path("agent"); });
  const auto told = [](const TestAgent& agent) {
    return agent.uplink->status().reason ==
           "this agent's identity was found on two machines: enrol both of them again";
  };
  const auto both_told = [&] {
    two.io.poll();
    if (two.io.stopped()) {
      two.io.restart();
    }
    return told(one) && told(two);
  };
  REQUIRE(one.run_until(both_told));
  CHECK(world.counters.value("enrol_clones_total{why=\"two-places\"}") == 1);
  CHECK(world.registry->bar(enrolled->identity.agent) == Bar::cloned);
  CHECK(world.registry->agents()->front().cloned == "two-places");
}

TEST_CASE("Clones: an identity on another machine is noticed at its first hello", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  const auto on_machine = [](char machine) {
    return [machine](UplinkOptions& options) {
      options.machine_hash = std::string(wire::kHashBytes, machine);
    };
  };
  {
    TestAgent agent(world, "agent", world.ingest_address(), {}, on_machine('a'));
    agent.append("here");
    REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  }
  {
    TestAgent moved(world, "agent", world.ingest_address(), {}, on_machine('b'));
    moved.append("there");
    REQUIRE(moved.run_until([&] { return moved.uplink->status().state == UplinkState::refused; }));
  }
  CHECK(world.counters.value("enrol_clones_total{why=\"machine-changed\"}") == 1);
  CHECK(world.sink.stored_count() == 1);
  // Enrolled again, the machine is another agent, and nothing is held against it.
  REQUIRE(world.enrol_into("agent", world.new_token()));
  TestAgent anew(world, "agent", world.ingest_address(), {}, on_machine('b'));
  REQUIRE(anew.run_until([&] { return anew.uplink->status().state == UplinkState::connected; }));
}

TEST_CASE("Clones: an agent that is started again and again is none", "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("agent", world.new_token()));
  for (int start = 0; start < 8; ++start) {
    TestAgent agent(world, "agent", world.ingest_address());
    REQUIRE(
        agent.run_until([&] { return agent.uplink->status().state == UplinkState::connected; }));
  }
  CHECK(world.counters.value("enrol_clones_total{why=\"two-places\"}") == 0);
}

}  // namespace
}  // namespace gnomon
