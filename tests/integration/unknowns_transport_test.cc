// What collector and agent say to each other about domains outside the catalogue, over loopback.

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "core/net/crypto.h"
#include "core/net/join_token.h"
#include "tests/support/catch.h"
#include "tests/support/transport_world.h"

namespace gnomon {
namespace {

using testing::TestAgent;
using testing::TransportWorld;

// Door is a collector's word on unknown domains, changed while agents are connected.
class Door {
 public:
  explicit Door(TransportWorld& world) : world_(world) {
    UnknownsDoor door;
    door.policy = [this] {
      const std::lock_guard lock{mutex_};
      return policy_;
    };
    door.question = [this](const std::string& agent) {
      const std::lock_guard lock{mutex_};
      return agent == asked_ ? std::exchange(question_, std::nullopt) : std::nullopt;
    };
    door.answered = [this](const std::string& agent, wire::RevealReply reply) {
      const std::lock_guard lock{mutex_};
      answers_.emplace_back(agent, std::move(reply));
    };
    boost::asio::post(world_.io, [&world, door] { world.ingest->set_unknowns(door); });
  }

  void set_policy(wire::UnknownsPolicy policy) {
    const std::lock_guard lock{mutex_};
    policy_ = policy;
  }
  void ask(const std::string& agent, wire::RevealRequest request) {
    const std::lock_guard lock{mutex_};
    asked_ = agent;
    question_ = std::move(request);
  }
  std::vector<std::pair<std::string, wire::RevealReply>> answers() {
    const std::lock_guard lock{mutex_};
    return answers_;
  }

 private:
  TransportWorld& world_;
  std::mutex mutex_;
  // Guarded by mutex_.
  wire::UnknownsPolicy policy_{true, 8107};
  std::string asked_;
  std::optional<wire::RevealRequest> question_;
  std::vector<std::pair<std::string, wire::RevealReply>> answers_;
};

TEST_CASE("Unknown domains: an agent hears the policy, its changes, and its questions",
          "[integration]") {
  TransportWorld world;
  Door door{world};
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  const std::string name = enrolled->identity.agent;
  door.ask(name, {8107, {UnknownToken{1}}});
  std::vector<wire::UnknownsPolicy> heard;
  std::vector<wire::RevealRequest> questions;
  UplinkHooks hooks;
  hooks.unknowns_policy = [&](const wire::UnknownsPolicy& policy) { heard.push_back(policy); };
  hooks.reveal = [&](const wire::RevealRequest& request) {
    questions.push_back(request);
    return wire::RevealReply{request.epoch, {{request.tokens.at(0), "newtool.example"}}};
  };
  TestAgent agent{world, "agent", world.ingest_address(), hooks};
  REQUIRE(agent.run_until([&] { return !questions.empty(); }));
  CHECK(heard == std::vector<wire::UnknownsPolicy>{{true, 8107}});
  REQUIRE(agent.run_until([&] { return door.answers().size() == 1; }));
  CHECK(door.answers()[0].first == name);
  CHECK(door.answers()[0].second.answers.at(0).domain == "newtool.example");

  // The same policy is not told twice; another one at once, and a new question with it.
  door.ask("somebody else", {8107, {UnknownToken{2}}});
  world.ingest->ask_unknowns();
  door.set_policy({false, 8107});
  world.ingest->ask_unknowns();
  REQUIRE(agent.run_until([&] { return heard.size() > 1; }));
  door.ask(name, {8108, {UnknownToken{3}}});
  world.ingest->ask_unknowns();
  REQUIRE(agent.run_until([&] { return questions.size() > 1; }));
  CHECK(heard == std::vector<wire::UnknownsPolicy>{{true, 8107}, {false, 8107}});
  CHECK(questions[1].tokens == std::vector<UnknownToken>{UnknownToken{3}});
}

TEST_CASE("Unknown domains: an agent that does not know the messages goes on", "[integration]") {
  TransportWorld world;
  Door door{world};
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  door.ask(enrolled->identity.agent, {8107, {UnknownToken{1}}});
  TestAgent agent{world, "agent", world.ingest_address()};  // no hooks
  agent.append("trello");
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent) == std::vector<std::string>{"trello"});
  CHECK(agent.uplink->status().connections == 1);
  CHECK(door.answers().empty());
}

TEST_CASE("Enrolment: the key for tokens stays on the machine", "[integration]") {
  TransportWorld world;
  auto token = parse_join_token(world.new_token());
  REQUIRE(token);
  token->unknowns_key = std::string(kUnknownsKeyBytes, '\x5a');
  REQUIRE(world.enrol_into("agent", to_string(*token)));
  // Whatever the collector keeps of it: the secret of the token as a hash, and no key.
  bool found = false;
  REQUIRE(world.store.scan("", [&](std::string_view, std::string_view value) {
    found |= value.find(to_hex(token->unknowns_key)) != std::string_view::npos ||
             value.find(token->unknowns_key) != std::string_view::npos;
    return true;
  }));
  CHECK_FALSE(found);
}

}  // namespace
}  // namespace gnomon
