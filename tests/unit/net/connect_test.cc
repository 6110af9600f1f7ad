#include "core/net/connect.h"

#include <array>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "core/net/listen.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

using tcp = asio::ip::tcp;

// Listener says one line to whoever connects, after it has read what it was told to wait for.
class Listener {
 public:
  Listener(asio::io_context& io, const char* host, std::string says, std::string waits_for = {})
      : acceptor_(*listen_on(io.get_executor(), HostPort{host, 0})),
        says_(std::move(says)),
        waits_for_(std::move(waits_for)) {
    asio::co_spawn(io, serve(), [](const std::exception_ptr& thrown) {
      if (thrown) {
        std::rethrow_exception(thrown);
      }
    });
  }

  HostPort address() const {
    const auto at = acceptor_.local_endpoint();
    return {at.address().to_string(), at.port()};
  }

  std::string heard;

 private:
  asio::awaitable<void> serve() {
    auto accepted = co_await acceptor_.async_accept(kAwait);
    if (std::get<0>(accepted)) {
      co_return;
    }
    tcp::socket& socket = std::get<1>(accepted);
    if (!waits_for_.empty()) {
      auto buffer = asio::dynamic_buffer(heard);
      static_cast<void>(co_await asio::async_read_until(socket, buffer, waits_for_, kAwait));
    }
    static_cast<void>(co_await asio::async_write(socket, asio::buffer(says_), kAwait));
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    std::array<char, 64> rest{};
    static_cast<void>(co_await socket.async_read_some(asio::buffer(rest), kAwait));
  }

  tcp::acceptor acceptor_;
  std::string says_;
  std::string waits_for_;
};

// Outcome is what came through the connection, or why there is none.
struct Outcome {
  std::string read;
  std::optional<NetError> error;
};

asio::awaitable<void> connect_and_read(ConnectOptions options, Outcome& outcome) {
  auto socket = co_await connect_to_any(std::move(options));
  if (!socket) {
    outcome.error = socket.error();
    co_return;
  }
  boost::system::error_code failed;
  std::array<char, 64> piece{};
  while (!failed) {
    const auto [error, size] = co_await socket->async_read_some(asio::buffer(piece), kAwait);
    outcome.read.append(piece.data(), size);
    failed = error;
  }
}

Outcome connect(asio::io_context& io, ConnectOptions options) {
  Outcome outcome;
  asio::co_spawn(io, connect_and_read(std::move(options), outcome),
                 [&io](const std::exception_ptr& thrown) {
                   io.stop();
                   if (thrown) {
                     std::rethrow_exception(thrown);
                   }
                 });
  io.run();
  io.restart();
  return outcome;
}

// A port on which nobody listens: bound, so that nobody else takes it, and never listened on.
struct DeadPort {
  explicit DeadPort(asio::io_context& io) : socket(io, tcp::endpoint(tcp::v4(), 0)) {}
  HostPort address() const { return {"127.0.0.1", socket.local_endpoint().port()}; }
  tcp::socket socket;
};

TEST_CASE("connect: the next address is tried when one does not answer", "[core][net]") {
  asio::io_context io;
  const DeadPort dead(io);
  const Listener good(io, "127.0.0.1", "hello");
  ConnectOptions options;
  options.addresses = {dead.address(), good.address()};
  const Outcome outcome = connect(io, options);
  CHECK_FALSE(outcome.error);
  CHECK(outcome.read == "hello");
}

TEST_CASE("connect: when no address answers the last one is named", "[core][net]") {
  asio::io_context io;
  const DeadPort dead(io);
  ConnectOptions options;
  options.addresses = {dead.address()};
  const Outcome outcome = connect(io, options);
  REQUIRE(outcome.error);
  CHECK(outcome.error->fault == NetFault::unreachable);
  CHECK(outcome.error->text.find(to_string(dead.address())) != std::string::npos);
}

TEST_CASE("connect: IPv6, and a name that may be either", "[core][net]") {
  asio::io_context io;
  if (!listen_on(io.get_executor(), HostPort{"::1", 0})) {
    WARN("skipped: this machine has no IPv6");
    return;
  }
  SECTION("a numeric address") {
    const Listener six(io, "::1", "six");
    ConnectOptions options;
    options.addresses = {six.address()};
    CHECK(connect(io, options).read == "six");
  }
  SECTION("localhost, on one family only") {
    const Listener four(io, "127.0.0.1", "four");
    ConnectOptions options;
    options.addresses = {HostPort{"localhost", four.address().port}};
    CHECK(connect(io, options).read == "four");
  }
  SECTION("localhost written as people may write it") {
    const Listener six(io, "::1", "six");
    ConnectOptions options;
    options.addresses = {HostPort{"LocalHost.", six.address().port}};
    CHECK(connect(io, options).read == "six");
  }
}

TEST_CASE("connect: through a proxy that allows CONNECT", "[core][net]") {
  asio::io_context io;
  // What follows the blank line comes from the target.
  Listener proxy(io, "127.0.0.1", "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n",
                 "\r\n\r\n");
  ConnectOptions options;
  options.addresses = {HostPort{"collector.invalid", 7443}};  // only the proxy knows the name
  options.proxy = proxy.address();
  const Outcome outcome = connect(io, options);
  CHECK_FALSE(outcome.error);
  CHECK(proxy.heard ==
        "CONNECT collector.invalid:7443 HTTP/1.1\r\nHost: collector.invalid:7443\r\n\r\n");
}

TEST_CASE("connect: an IPv6 target is written in brackets to the proxy", "[core][net]") {
  asio::io_context io;
  Listener proxy(io, "127.0.0.1", "HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n");
  ConnectOptions options;
  options.addresses = {HostPort{"2001:db8::1", 7443}};
  options.proxy = proxy.address();
  CHECK_FALSE(connect(io, options).error);
  CHECK(proxy.heard.starts_with("CONNECT [2001:db8::1]:7443 HTTP/1.1\r\n"));
}

TEST_CASE("connect: a proxy that refuses, talks without end, or hangs up", "[core][net]") {
  asio::io_context io;
  const auto fault_of = [&](std::string says) {
    Listener proxy(io, "127.0.0.1", std::move(says), "\r\n\r\n");
    ConnectOptions options;
    options.addresses = {HostPort{"collector.invalid", 7443}};
    options.proxy = proxy.address();
    const Outcome outcome = connect(io, options);
    REQUIRE(outcome.error);
    CHECK(outcome.error->fault == NetFault::unreachable);
    return outcome.error->text;
  };
  CHECK(fault_of("HTTP/1.1 403 Forbidden\r\n\r\n") ==
        "the proxy refused to connect to collector.invalid:7443");
  CHECK(fault_of("SSH-2.0-x\r\n\r\n") == "the proxy refused to connect to collector.invalid:7443");
  CHECK(fault_of(std::string(20'000, 'x')) == "the proxy did not answer");
  CHECK(fault_of("HTTP/1.1 200 OK\r\n") == "the proxy did not answer");
}

}  // namespace
}  // namespace gnomon
