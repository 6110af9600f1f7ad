#include "tests/integration/raw_agent.h"

#include <array>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>

#include "core/net/connect.h"
#include "core/net/link.h"
#include "core/wire/frame.h"
#include "tests/support/catch.h"

namespace gnomon::testing {
namespace {

using tcp = asio::ip::tcp;

// converse connects, shakes hands, plays the script and reads until there is an error.
asio::awaitable<void> converse(HostPort address, TlsContext& tls, const Script& script,
                               LastWord& last) {
  ConnectOptions where;
  where.addresses = {std::move(address)};
  auto socket = co_await connect_to_any(std::move(where));
  REQUIRE(socket);
  TlsConnection connection(*std::move(socket), tls);
  const auto secured = co_await connection.handshake(kWithin);
  if (!secured) {
    last = LastWord{secured.error().fault, secured.error().text, {}};
    co_return;
  }
  if (script) {
    co_await script(connection);
  }
  for (;;) {
    auto received = co_await receive(connection, wire::kMaxFrameBytes, kWithin, kWithin);
    if (!received) {
      if (last.text.empty()) {
        last = LastWord{received.error().fault, received.error().text, {}};
      }
      break;
    }
    if (const auto* error = std::get_if<wire::Error>(&*received)) {
      last = LastWord{NetFault::closed, error->text, error->code};
    }
  }
}

}  // namespace

LastWord talk(const HostPort& address, TlsContext& tls, const Script& script) {
  asio::io_context io(1);
  LastWord last;
  asio::co_spawn(io, converse(address, tls, script, last), [](const std::exception_ptr& thrown) {
    if (thrown) {
      std::rethrow_exception(thrown);
    }
  });
  io.run();
  return last;
}

TlsContext context_of(const Identity& identity) {
  ClientTls options;
  options.root = identity.root;
  options.chain = identity.chain;
  options.key = identity.key;
  return TlsContext::client(options);
}

Script sending(std::string bytes) {
  return [bytes](TlsConnection& connection) -> asio::awaitable<void> {
    static_cast<void>(co_await connection.write(bytes, kWithin));
  };
}

wire::Hello hello_of(std::uint64_t epoch) {
  wire::Hello hello;
  hello.epoch = epoch;
  return hello;
}

tcp::socket connect_raw(asio::io_context& io, const HostPort& address) {
  tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({asio::ip::make_address(address.host), address.port}, error);
  REQUIRE_FALSE(error);
  return socket;
}

void raw_exchange(const HostPort& address, const std::string& bytes) {
  asio::io_context io;
  tcp::socket socket = connect_raw(io, address);
  boost::system::error_code error;
  asio::write(socket, asio::buffer(bytes), error);
  socket.shutdown(tcp::socket::shutdown_send, error);
  std::array<char, 512> answer{};
  while (!error) {
    socket.read_some(asio::buffer(answer), error);
  }
}

}  // namespace gnomon::testing
