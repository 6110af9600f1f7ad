// Limits against abuse: every one is kept, and counted.

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "core/net/link.h"
#include "core/wire/frame.h"
#include "tests/integration/raw_agent.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/transport_world.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;
using testing::connect_raw;
using testing::context_of;
using testing::hello_of;
using testing::kWithin;
using testing::LastWord;
using testing::raw_exchange;
using testing::sending;
using testing::talk;
using testing::TransportWorld;
using tcp = asio::ip::tcp;

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* thing) const { kFree(thing); }
};
using SslContext = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, &SSL_CTX_free>>;
using SslSession = std::unique_ptr<SSL, Freed<SSL, &SSL_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, &EVP_PKEY_free>>;

// tls_of is a blocking client of OpenSSL's own, for what TlsConnection does not do.
SslSession tls_of(tcp::socket& socket, const Certificate& certificate, EVP_PKEY* key) {
  const SslContext context(SSL_CTX_new(TLS_client_method()));
  REQUIRE(SSL_CTX_use_certificate(context.get(), certificate.handle()) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey(context.get(), key) == 1);
  SslSession ssl(SSL_new(context.get()));
  REQUIRE(SSL_set_fd(ssl.get(), socket.native_handle()) == 1);
  return ssl;
}

// key_with gives a key pair that claims `claimed`'s public half and holds `held`'s private one.
Key key_with(const PrivateKey& claimed, const PrivateKey& held) {
  std::array<unsigned char, 65> point{};
  std::size_t size = 0;
  REQUIRE(EVP_PKEY_get_octet_string_param(claimed.handle(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                          point.size(), &size) == 1);
  BIGNUM* number = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(held.handle(), OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1);
  OSSL_PARAM_BLD* build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data(), size);
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* made = nullptr;
  REQUIRE(EVP_PKEY_fromdata_init(context) == 1);
  REQUIRE(EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, parameters) == 1);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(build);
  BN_free(number);
  return Key(made);
}

TEST_CASE("Limits: another agent's certificate without its key lets nobody in", "[integration]") {
  TransportWorld world;
  const auto victim = world.enrol_into("victim", world.new_token());
  const auto thief = world.enrol_into("thief", world.new_token());
  REQUIRE((victim && thief));
  asio::io_context io;
  tcp::socket socket = connect_raw(io, world.ingest_address());
  const Key key = key_with(victim->identity.key, thief->identity.key);
  const SslSession ssl = tls_of(socket, victim->identity.chain.front(), key.get());
  std::array<char, 1> byte{};
  // A TLS 1.3 client has shaken hands before the server has looked at its certificate.
  CHECK((SSL_connect(ssl.get()) != 1 || SSL_read(ssl.get(), byte.data(), 1) <= 0));
  CHECK(world.refused("stolen-certificate"));
  CHECK(world.ingest->live().empty());
}

TEST_CASE("Limits: a request to renew gets no other name than the one of its certificate",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  std::string name;
  talk(world.ingest_address(), tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    const std::string bytes =
        wire::encode_frame(hello_of(5)) +
        wire::encode_frame(wire::RenewRequest{make_csr(PrivateKey::generate())});
    static_cast<void>(co_await connection.write(bytes, kWithin));
    while (name.empty()) {
      auto received = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
      REQUIRE(received);
      if (const auto* reply = std::get_if<wire::RenewReply>(&*received)) {
        name = Certificate::from_der(reply->chain.front())->common_name();
      }
    }
    connection.close();
  });
  CHECK(name == enrolled->identity.agent);
}

TEST_CASE("Limits: a new handshake in the middle ends the connection", "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  asio::io_context io;
  tcp::socket socket = connect_raw(io, world.ingest_address());
  const SslSession ssl =
      tls_of(socket, enrolled->identity.chain.front(), enrolled->identity.key.handle());
  REQUIRE(SSL_connect(ssl.get()) == 1);
  CHECK(SSL_renegotiate(ssl.get()) == 0);  // OpenSSL itself knows of none in TLS 1.3
  REQUIRE(SSL_key_update(ssl.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
  const std::string hello = wire::encode_frame(hello_of(5));
  SSL_write(ssl.get(), hello.data(), static_cast<int>(hello.size()));
  std::array<char, 512> answer{};
  while (SSL_read(ssl.get(), answer.data(), answer.size()) > 0) {
  }
  CHECK(world.refused("renegotiation"));
  CHECK(world.ingest->live().empty());
}

TEST_CASE("Limits: who announces a message and does not send it is cut", "[integration]") {
  IngestOptions options;
  options.message_within = milliseconds{50};
  TransportWorld world(options);
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  const LastWord last =
      talk(world.ingest_address(), tls,
           sending(wire::encode_frame(hello_of(5)) + std::string("\x00\x0f\xff\xff"
                                                                 "a",
                                                                 5)));
  CHECK(last.code == wire::ErrorCode::going_away);
  CHECK(world.refused("timed-out"));
}

TEST_CASE("Limits: who is silent for three heartbeats is told so and cut", "[integration]") {
  IngestOptions options;
  options.heartbeat = std::chrono::seconds{1};
  TransportWorld world(options);
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  const LastWord last = talk(world.ingest_address(), tls, sending(wire::encode_frame(hello_of(5))));
  CHECK(last.text == "nothing was heard of the agent for too long");
  CHECK(world.refused("timed-out"));
}

TEST_CASE("Limits: an agent that sends too fast is read more slowly, and loses nothing",
          "[integration]") {
  IngestOptions options;
  SECTION("too many uploads") {
    options.uploads_per_second = 200;
    options.upload_burst = 2;
  }
  SECTION("too many bytes") {
    options.bytes_per_second = 20'000;
    options.byte_burst = 100;
  }
  TransportWorld world(options);
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  testing::TestAgent agent(world, "agent", world.ingest_address());
  std::vector<std::string> sent;
  for (int i = 0; i < 20; ++i) {
    sent.push_back("tool-" + std::to_string(i));
    agent.append(sent.back());
  }
  REQUIRE(agent.run_until([&] { return agent.spool->waiting() == 0; }));
  CHECK(world.sink.stored(enrolled->identity.agent) == sent);
  CHECK(world.counters.value("ingest_throttled_total") > 0);
}

TEST_CASE("Limits: heartbeats without end are read more slowly", "[integration]") {
  IngestOptions options;
  options.messages_per_second = 200;
  options.message_burst = 2;
  TransportWorld world(options);
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  int answers = 0;
  talk(world.ingest_address(), tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    std::string bytes = wire::encode_frame(hello_of(5));
    for (int i = 0; i < 10; ++i) {
      bytes += wire::encode_frame(wire::Heartbeat{});
    }
    static_cast<void>(co_await connection.write(bytes, kWithin));
    while (answers < 10) {
      auto received = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
      REQUIRE(received);
      answers += std::holds_alternative<wire::Heartbeat>(*received) ? 1 : 0;
    }
    connection.close();
  });
  CHECK(world.counters.value("ingest_throttled_total") > 0);
}

TEST_CASE("Limits: who asks for certificates without end is cut", "[integration]") {
  IngestOptions options;
  options.renewal_burst = 1;
  TransportWorld world(options);
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  const std::string request =
      wire::encode_frame(wire::RenewRequest{make_csr(PrivateKey::generate())});
  const LastWord last = talk(world.ingest_address(), tls,
                             sending(wire::encode_frame(hello_of(5)) + request + request));
  CHECK(last.code == wire::ErrorCode::throttled);
  CHECK(world.refused("renewal-rate"));
  CHECK(world.counters.value("enrol_renewed_total") == 1);
}

TEST_CASE("Limits: a batch that unpacks to more than a batch may hold is refused",
          "[integration]") {
  TransportWorld world;
  const auto enrolled = world.enrol_into("agent", world.new_token());
  REQUIRE(enrolled);
  TlsContext tls = context_of(enrolled->identity);
  wire::Upload bomb;
  bomb.epoch = 5;
  bomb.sequence = 1;
  bomb.payload = wire::compress(std::string(kMaxBatchBytes + 1, '\0'));
  wire::Outcome outcome = wire::Outcome::unspecified;
  talk(world.ingest_address(), tls, [&](TlsConnection& connection) -> asio::awaitable<void> {
    const std::string bytes = wire::encode_frame(hello_of(5)) + wire::encode_frame(bomb);
    static_cast<void>(co_await connection.write(bytes, kWithin));
    while (outcome == wire::Outcome::unspecified) {
      auto received = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
      REQUIRE(received);
      if (const auto* ack = std::get_if<wire::Ack>(&*received)) {
        outcome = ack->outcome;
      }
    }
    connection.close();
  });
  CHECK(outcome == wire::Outcome::refused);
  CHECK(world.counters.value("ingest_uploads_refused_total{reason=\"over-limit\"}") == 1);
}

TEST_CASE("Limits: connections above the limit are closed at once", "[integration]") {
  IngestOptions options;
  options.max_connections = 1;
  TransportWorld world(options);
  asio::io_context io;
  const tcp::socket first = connect_raw(io, world.ingest_address());
  while (world.counters.value("ingest_connections_open") == 0) {
  }
  raw_exchange(world.ingest_address(), "x");
  CHECK(world.refused("too-many-connections"));
}

TEST_CASE("Limits: a concentrator's address is not limited, its neighbours are", "[integration]") {
  IngestOptions options;
  options.connects_per_second = 0.001;
  options.connect_burst = 1;
  SECTION("a network that holds us") {
    options.shared_addresses = {*IpRange::parse("127.0.0.0/8")};
    TransportWorld world(options);
    for (int i = 0; i < 4; ++i) {
      raw_exchange(world.ingest_address(), "no hello");
    }
    CHECK(world.counters.value("ingest_refused_total{reason=\"connect-rate\"}") == 0);
  }
  SECTION("one that does not") {
    options.shared_addresses = {*IpRange::parse("192.0.2.0/24")};
    TransportWorld world(options);
    for (int i = 0; i < 4; ++i) {
      raw_exchange(world.ingest_address(), "no hello");
    }
    CHECK(world.refused("connect-rate"));
  }
}

}  // namespace
}  // namespace gnomon
