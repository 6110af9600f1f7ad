// Who and what is not let in: each refused with its counter, and one clear sentence to the agent.

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "agent/uplink/enrol.h"
#include "core/net/connect.h"
#include "core/net/crypto.h"
#include "core/net/join_token.h"
#include "core/net/link.h"
#include "core/sha256.h"
#include "core/wire/frame.h"
#include "tests/integration/raw_agent.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/transport_world.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;
using testing::context_of;
using testing::hello_of;
using testing::kWithin;
using testing::LastWord;
using testing::raw_exchange;
using testing::Script;
using testing::sending;
using testing::talk;
using testing::TestAgent;
using testing::TransportWorld;
using tcp = asio::ip::tcp;

TEST_CASE("Enrolment: each bad token is refused, counted and explained", "[integration]") {
  TransportWorld world;
  const std::string good = world.new_token();
  SECTION("not a token") {
    const auto refused = world.enrol_into("a", "hunter2");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == EnrolError::Fault::bad_token);
  }
  SECTION("a wrong secret") {
    auto token = *parse_join_token(good);
    token.secret[3] ^= 1;
    const auto refused = world.enrol_into("a", to_string(token));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == wire::ErrorCode::token_unknown);
    CHECK(refused.error().text ==
          "the collector refused to enrol: the join token is not known to this collector");
    CHECK(world.enrol_refused("token-unknown"));
  }
  SECTION("an expired one") {
    const auto refused = world.enrol_into("a", world.new_token(1, std::chrono::hours{0}));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == wire::ErrorCode::token_expired);
    CHECK(world.enrol_refused("token-expired"));
  }
  SECTION("a replayed one") {
    REQUIRE(world.enrol_into("a", good));
    const auto refused = world.enrol_into("b", good);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == wire::ErrorCode::token_used_up);
    CHECK(world.enrol_refused("token-used-up"));
  }
  SECTION("a revoked one") {
    REQUIRE(world.registry->revoke_token(parse_join_token(good)->id));
    const auto refused = world.enrol_into("a", good);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == wire::ErrorCode::token_revoked);
    CHECK(world.enrol_refused("token-revoked"));
  }
  SECTION("one for another collector: the secret is never sent") {
    auto token = *parse_join_token(good);
    token.root_key_sha256[0] ^= 1;
    const auto refused = world.enrol_into("a", to_string(token));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text ==
          "enrolling failed: this is not the collector that the join token was made for");
    CHECK(world.enrol_into("b", good));
  }
  CHECK_FALSE(*world.files.exists(world.path("a") + "/identity.pem.new"));
}

TEST_CASE("Enrolment: the identity is stored for its owner only", "[integration]") {
  TransportWorld world;
  REQUIRE(world.enrol_into("a", world.new_token()));
  const auto mode = std::filesystem::status(world.path("a") + "/identity.pem").permissions();
  CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  const auto key = std::filesystem::status(world.path("ca") + "/root.key").permissions();
  CHECK(key == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("Enrolment: the same machine again is noticed", "[integration]") {
  TransportWorld world;
  EnrolOptions options;
  options.addresses = {world.enrol_address()};
  options.machine.machine_hash = sha256_text("this machine");
  std::vector<std::string> ids;
  for (const char* name : {"a", "b"}) {
    options.token = world.new_token();
    options.identity_directory = world.path(name);
    const auto enrolled = enrol(world.files, options);
    REQUIRE(enrolled);
    ids.push_back(enrolled->identity.agent);
  }
  CHECK(world.counters.value("enrol_known_machine_total") == 1);
  const auto agents = world.registry->agents();
  REQUIRE(agents);
  for (const AgentInfo& agent : *agents) {
    CHECK(agent.replaced_by == (agent.id == ids[0] ? ids[1] : ""));
  }
}

TEST_CASE("Ingest: no certificate, a foreign one, one of a server: refused", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  const WallTime now = world.clock.wall();
  CertificateRequest request;
  request.common_name = enrolled->identity.agent;  // even with the right name
  request.not_before = now - std::chrono::hours{1};
  request.not_after = now + std::chrono::hours{1};
  const PrivateKey key = PrivateKey::generate();
  ClientTls options;
  options.root = enrolled->identity.root;
  SECTION("none") {
    TlsContext tls = TlsContext::client(options);
    const LastWord last = talk(world.ingest_address(), tls);
    CHECK(last.fault == NetFault::peer_refused);
    CHECK(last.text == "the peer requires a certificate and we showed none");
    CHECK(world.refused("no-certificate"));
  }
  SECTION("of another authority") {
    CertificateRequest root_request = request;
    root_request.kind = CertificateKind::agent_issuer;
    const PrivateKey root_key = PrivateKey::generate();
    const Issuer foreign{issue_self_signed(root_request, root_key), root_key};
    options.chain = {issue(request, PublicKey::of(key), foreign)};
    options.key = key;
    TlsContext tls = TlsContext::client(options);
    const LastWord last = talk(world.ingest_address(), tls);
    CHECK(last.text == "the peer does not know the authority that issued our certificate");
    CHECK(world.refused("foreign-certificate"));
  }
  SECTION("of the collector itself") {
    const ServerTls server = world.authority->server_tls(false);
    options.chain = server.chain;
    options.key = server.key;
    TlsContext tls = TlsContext::client(options);
    CHECK(talk(world.ingest_address(), tls).fault == NetFault::peer_refused);
    CHECK(world.refused("foreign-certificate"));
  }
}

TEST_CASE("Ingest: a certificate that expired long ago is refused, and the agent is told",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  AuthorityOptions past;
  past.directory = world.path("ca");
  past.agent_life = -kAsleepAtMost;
  const auto authority = Authority::open(world.files, world.clock, past);
  REQUIRE(authority);
  Identity identity = enrolled->identity;
  identity.chain = (*authority)->issue_agent(PublicKey::of(identity.key), identity.agent);
  TlsContext tls = context_of(identity);
  const LastWord last = talk(world.ingest_address(), tls);
  CHECK(last.text == "the agent's certificate has expired: enrol it again");
  CHECK(world.refused("expired"));
}

TEST_CASE("Ingest: a certificate that expires while its agent talks is noticed, and not resumed",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  // Issued an hour ago for an hour and two seconds.
  testing::ManualClock earlier;
  earlier.jump(world.clock.wall() - std::chrono::hours{1} + std::chrono::seconds{2} -
               earlier.wall());
  AuthorityOptions options;
  options.directory = world.path("ca");
  options.agent_life = std::chrono::hours{1};
  const auto authority = Authority::open(world.files, earlier, options);
  REQUIRE(authority);
  Identity identity = enrolled->identity;
  identity.chain = (*authority)->issue_agent(PublicKey::of(identity.key), identity.agent);
  TlsContext tls = context_of(identity);
  const Script beating = [](TlsConnection& connection) -> asio::awaitable<void> {
    const std::string beat = wire::encode_frame(wire::Heartbeat{});
    static_cast<void>(co_await connection.write(wire::encode_frame(hello_of(5)), kWithin));
    static_cast<void>(co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin));
    for (bool answered = true; answered;) {
      static_cast<void>(co_await connection.write(beat, kWithin));
      const auto answer = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
      answered = answer && std::holds_alternative<wire::Heartbeat>(*answer);
      CHECK((answered ||
             std::get<wire::Error>(*answer).code == wire::ErrorCode::certificate_expired));
    }
  };
  talk(world.ingest_address(), tls, beating);
  CHECK(world.refused("expired"));
  REQUIRE(tls.session() != nullptr);
  // All it may ask for is a new certificate.
  const LastWord resumed =
      talk(world.ingest_address(), tls, sending(wire::encode_frame(hello_of(5))));
  CHECK(resumed.code == wire::ErrorCode::certificate_expired);
  CHECK(world.counters.value("ingest_refused_total{reason=\"expired\"}") == 2);
}

TEST_CASE("Enrolment: an address that tries one token after another must wait", "[integration]") {
  TransportWorld world;
  std::string token = world.new_token();
  // Another secret for a token that is there: what a guesser would try.
  char& digit = token.at(token.find('.', 4) + 1);
  digit = digit == '0' ? '1' : '0';
  int attempts = 0;
  while (world.counters.value("enrol_refused_total{reason=\"throttled\"}") == 0) {
    REQUIRE(++attempts <= 40);
    CHECK_FALSE(world.enrol_into("agent", token));
  }
  CHECK(attempts > 5);
  // Who has a good one waits as well: the address is shut, not the token.
  const auto good = world.enrol_into("agent", world.new_token());
  REQUIRE_FALSE(good);
  CHECK(good.error().text.find("try again later") != std::string::npos);
}

TEST_CASE("Ingest: a revoked agent is cut while it talks, and not let in again", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TestAgent agent(world, "agent", world.ingest_address());
  agent.append("before");
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  const auto before = std::chrono::steady_clock::now();
  REQUIRE(world.registry->revoke_agent(enrolled->identity.agent));
  REQUIRE(agent.run_until([&] { return agent.uplink->status().state == UplinkState::refused; }));
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds{5});
  CHECK(agent.uplink->status().reason == "this agent was revoked");
  CHECK(world.refused("revoked-live"));
  // It tries again with its ticket: the session is resumed, and still it is not let in.
  agent.append("after");
  REQUIRE(agent.run_until(
      [&] { return world.counters.value("ingest_refused_total{reason=\"revoked\"}") > 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent) == std::vector<std::string>{"before"});
}

TEST_CASE("Ingest: a revoked agent cannot resume its session", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  // A first connection for the ticket; an unsuitable message ends it.
  const LastWord first =
      talk(world.ingest_address(), tls,
           sending(wire::encode_frame(wire::Ack{1, 1, wire::Outcome::stored, 0})));
  CHECK(first.text == "the first message must be a hello");
  REQUIRE(tls.session() != nullptr);
  REQUIRE(world.registry->revoke_agent(enrolled->identity.agent));
  bool resumed = false;
  const LastWord second =
      talk(world.ingest_address(), tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
        resumed = connection.resumed();
        co_return;
      });
  CHECK(resumed);
  CHECK(second.code == wire::ErrorCode::revoked);
  CHECK(second.text == "this agent was revoked");
  CHECK(world.refused("revoked"));
}

TEST_CASE("Ingest: oversize frames, rubbish and messages out of place end the connection",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  const std::string hello = wire::encode_frame(hello_of(5));
  SECTION("oversize before the hello") {
    const LastWord last = talk(world.ingest_address(), tls, sending("\x7f\xff\xff\xff"));
    CHECK(last.text == "the peer sent more than a message may hold");
    CHECK(world.refused("oversize"));
  }
  SECTION("oversize after it") {
    const LastWord last = talk(world.ingest_address(), tls, sending(hello + "\x7f\xff\xff\xff"));
    CHECK(last.code == wire::ErrorCode::over_limit);
    CHECK(world.refused("oversize"));
  }
  SECTION("an envelope that is none") {
    const LastWord last =
        talk(world.ingest_address(), tls, sending(hello + wire::framed("\x0a\xff\xff rubbish")));
    CHECK(last.code == wire::ErrorCode::bad_message);
    CHECK(world.refused("bad-message"));
  }
  SECTION("a hello twice") {
    const LastWord last = talk(world.ingest_address(), tls, sending(hello + hello));
    CHECK(last.text == "a message was out of place");
    CHECK(world.refused("bad-message"));
  }
  SECTION("no common version") {
    wire::Hello later = hello_of(5);
    later.versions = {900, 901};
    const LastWord last = talk(world.ingest_address(), tls, sending(wire::encode_frame(later)));
    CHECK(last.code == wire::ErrorCode::version);
    CHECK(world.refused("version"));
  }
}

TEST_CASE("Ingest: uploads out of order, repeated, and broken are answered as such",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  const std::string payload = wire::compress(wire::encode_batch(testing::batch_of("trello")));
  std::string bytes = wire::encode_frame(hello_of(5));
  const auto upload = [&](std::uint64_t sequence, const std::string& with) {
    wire::Upload message;
    message.epoch = 5;
    message.sequence = sequence;
    message.payload = with;
    bytes += wire::encode_frame(message);
  };
  upload(1, payload);
  upload(1, payload);
  upload(3, payload);
  upload(2, "this is not zstd");
  upload(3, wire::compress("\xff\xff"));
  upload(4, payload);
  std::vector<wire::Outcome> outcomes;
  const Script script = [&](TlsConnection& connection) -> asio::awaitable<void> {
    static_cast<void>(co_await connection.write(bytes, kWithin));
    while (outcomes.size() < 6) {
      auto received = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
      REQUIRE(received);
      if (const auto* ack = std::get_if<wire::Ack>(&*received)) {
        outcomes.push_back(ack->outcome);
      }
    }
    connection.close();
  };
  talk(world.ingest_address(), tls, script);
  using wire::Outcome;
  CHECK(outcomes == std::vector<Outcome>{Outcome::stored, Outcome::repeated, Outcome::out_of_order,
                                         Outcome::refused, Outcome::refused, Outcome::stored});
  CHECK(world.sink.stored(enrolled->identity.agent).size() == 2);
  CHECK(world.counters.value("ingest_batches_total{outcome=\"repeated\"}") == 1);
  CHECK(world.counters.value("ingest_batches_total{outcome=\"refused\"}") == 2);
}

TEST_CASE("Ingest and enrolment: what is not TLS is counted and closed", "[integration]") {
  TransportWorld world;
  raw_exchange(world.ingest_address(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(world.refused("not-tls"));
  raw_exchange(world.enrol_address(), std::string(100, '\xaa'));
  CHECK(world.enrol_refused("not-tls"));
}

TEST_CASE("Ingest: TLS 1.2 is refused", "[integration]") {
  TransportWorld world;
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::make_address("127.0.0.1"), world.ingest->port()});
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> old(SSL_CTX_new(TLS_client_method()),
                                                              &SSL_CTX_free);
  REQUIRE(SSL_CTX_set_max_proto_version(old.get(), TLS1_2_VERSION) == 1);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(old.get()), &SSL_free);
  REQUIRE(SSL_set_fd(ssl.get(), socket.native_handle()) == 1);
  CHECK(SSL_connect(ssl.get()) != 1);
  CHECK(world.refused("protocol-version"));
}

TEST_CASE("Ingest: a handshake that does not come is cut at its deadline", "[integration]") {
  IngestOptions options;
  options.handshake_within = milliseconds{50};
  TransportWorld world(options);
  raw_exchange(world.ingest_address(), "");  // closed at once: not a timeout
  CHECK(world.refused("closed"));
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::make_address("127.0.0.1"), world.ingest->port()});
  std::array<char, 1> nothing{};
  boost::system::error_code error;
  socket.read_some(asio::buffer(nothing), error);  // returns when the collector closes
  CHECK(error);
  CHECK(world.refused("timed-out"));
}

TEST_CASE("Ingest: connections above the rate of one address are refused", "[integration]") {
  IngestOptions options;
  options.connects_per_second = 0.001;
  options.connect_burst = 2;
  TransportWorld world(options);
  for (int i = 0; i < 3; ++i) {
    raw_exchange(world.ingest_address(), "x");
  }
  CHECK(world.refused("connect-rate"));
}

TEST_CASE("Ingest: the same agent again replaces its older connection", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TestAgent agent(world, "agent", world.ingest_address(), {}, [](UplinkOptions& options) {
    options.first_backoff = std::chrono::minutes{1};
    options.max_backoff = std::chrono::minutes{1};
  });
  REQUIRE(agent.run_until([&] { return agent.uplink->status().state == UplinkState::connected; }));
  TlsContext tls = context_of(enrolled->identity);
  const Script script = [](TlsConnection& connection) -> asio::awaitable<void> {
    static_cast<void>(co_await connection.write(wire::encode_frame(hello_of(5)), kWithin));
    static_cast<void>(co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin));
    connection.close();
  };
  talk(world.ingest_address(), tls, script);
  REQUIRE(agent.run_until([&] { return agent.uplink->status().state == UplinkState::waiting; }));
  CHECK(agent.uplink->status().reason == "the same agent connected again");
  CHECK(world.refused("replaced"));
}

TEST_CASE("Uplink: a collector of another instance is not trusted", "[integration]") {
  TransportWorld mine;
  TransportWorld other;
  REQUIRE(mine.enrol_into("agent", mine.new_token()));
  TestAgent agent(mine, "agent", other.ingest_address());
  agent.append("secret");
  REQUIRE(agent.run_until([&] { return agent.uplink->status().state == UplinkState::refused; }));
  CHECK(agent.uplink->status().reason.starts_with("the peer's certificate is not trusted"));
  CHECK(other.sink.stored_count() == 0);
}

TEST_CASE("Uplink: an agent without an identity says so", "[integration]") {
  TransportWorld world;
  TestAgent agent(world, "nobody", world.ingest_address());
  REQUIRE(
      agent.run_until([&] { return agent.uplink->status().state == UplinkState::not_enrolled; }));
  CHECK(agent.uplink->status().reason == "this agent is not enrolled yet");
}

}  // namespace
}  // namespace gnomon
