#include "core/net/connect.h"

#include <array>
#include <string_view>
#include <utility>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>

#include "core/net/deadline.h"

namespace gnomon {
namespace {

using Tcp = asio::ip::tcp;

// A proxy that says more than this before the connection stands is none.
constexpr std::size_t kMaxProxyReply = 8192;

NetError unreachable(const HostPort& address, const std::string& why) {
  return {NetFault::unreachable, "cannot reach " + to_string(address) + ": " + why};
}

// open_tunnel asks an HTTP proxy for a connection (RFC 9110, section 9.3.6).
asio::awaitable<Result<Ok, NetError>> open_tunnel(Tcp::socket& socket, HostPort target,
                                                  std::chrono::milliseconds within) {
  Deadline deadline(socket);
  deadline.arm(within);
  const std::string name = to_string(target);
  const std::string request = "CONNECT " + name + " HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
  const auto [write_error, written] =
      co_await asio::async_write(socket, asio::buffer(request), kAwait);
  std::string reply;
  bool failed = static_cast<bool>(write_error);
  std::array<char, 512> piece{};
  // The TLS server speaks second, so nothing behind the blank line can be lost.
  while (!failed && !reply.ends_with("\r\n\r\n") && reply.size() < kMaxProxyReply) {
    const auto [error, size] = co_await socket.async_read_some(asio::buffer(piece), kAwait);
    failed = static_cast<bool>(error);
    reply.append(piece.data(), size);
  }
  deadline.disarm();
  if (failed || !reply.ends_with("\r\n\r\n")) {
    co_return Failure{NetError{NetFault::unreachable, "the proxy did not answer"}};
  }
  if (!reply.starts_with("HTTP/1.") || reply.size() < 12 || reply.substr(9, 1) != "2") {
    co_return Failure{NetError{NetFault::unreachable, "the proxy refused to connect to " + name}};
  }
  co_return Ok{};
}

asio::awaitable<Result<Tcp::socket, NetError>> connect_once(HostPort address, Tcp::endpoint to,
                                                            std::chrono::milliseconds within) {
  Tcp::socket socket(co_await asio::this_coro::executor);
  boost::system::error_code error;
  socket.open(to.protocol(), error);
  if (error) {
    co_return Failure{unreachable(address, error.message())};
  }
  Deadline deadline(socket);
  deadline.arm(within);
  const auto [failed] = co_await socket.async_connect(to, kAwait);
  deadline.disarm();
  if (failed) {
    const std::string why = deadline.expired() ? "no answer in time" : failed.message();
    co_return Failure{unreachable(address, why)};
  }
  co_return std::move(socket);
}

// localhost is this machine by definition (RFC 6761, section 6.3): no file and no resolver is
// asked, so that the name works on a machine without /etc/hosts and never leads elsewhere.
bool is_localhost(std::string_view host) {
  return boost::iequals(host, "localhost") || boost::iequals(host, "localhost.");
}

asio::awaitable<std::vector<Tcp::endpoint>> resolve(HostPort address) {
  boost::system::error_code not_numeric;
  const auto numeric = asio::ip::make_address(address.host, not_numeric);
  std::vector<Tcp::endpoint> endpoints;
  if (!not_numeric) {
    endpoints.emplace_back(numeric, address.port);
    co_return endpoints;
  }
  if (is_localhost(address.host)) {
    endpoints.emplace_back(asio::ip::address_v6::loopback(), address.port);
    endpoints.emplace_back(asio::ip::address_v4::loopback(), address.port);
    co_return endpoints;
  }
  Tcp::resolver resolver(co_await asio::this_coro::executor);
  const std::string port = std::to_string(address.port);
  auto found = co_await resolver.async_resolve(address.host, port, kAwait);
  for (const auto& entry : std::get<1>(found)) {
    endpoints.push_back(entry.endpoint());
  }
  co_return endpoints;
}

// reach connects to one endpoint of `hop`, which is `address` itself or the proxy before it.
asio::awaitable<Result<Tcp::socket, NetError>> reach(HostPort address, HostPort hop,
                                                     Tcp::endpoint endpoint,
                                                     const ConnectOptions& options) {
  auto socket = co_await connect_once(std::move(hop), endpoint, options.per_attempt);
  if (!socket || !options.proxy) {
    co_return socket;
  }
  const auto tunnel = co_await open_tunnel(*socket, std::move(address), options.per_attempt);
  if (!tunnel) {
    co_return Failure{tunnel.error()};
  }
  co_return socket;
}

}  // namespace

asio::awaitable<Result<Tcp::socket, NetError>> connect_to_any(ConnectOptions options) {
  NetError last{NetFault::unreachable, "no collector's address is configured"};
  for (const HostPort& address : options.addresses) {
    const HostPort hop = options.proxy.value_or(address);
    const auto endpoints = co_await resolve(hop);
    if (endpoints.empty()) {
      last = unreachable(hop, "the name is not known");
    }
    for (const Tcp::endpoint& endpoint : endpoints) {
      auto socket = co_await reach(address, hop, endpoint, options);
      if (socket) {
        co_return socket;
      }
      last = socket.error();
    }
  }
  co_return Failure{last};
}

}  // namespace gnomon
