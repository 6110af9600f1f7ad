// Reaching a collector: several addresses, IPv4 and IPv6, through a proxy if need be.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "core/net/await.h"
#include "core/net/host_port.h"
#include "core/net/net_error.h"
#include "core/result.h"

namespace gnomon {

// ConnectOptions says where to.
struct ConnectOptions {
  std::vector<HostPort> addresses;  // tried in this order, each with all its IP addresses
  std::optional<HostPort> proxy;    // an HTTP proxy that allows CONNECT; it resolves the names
  std::chrono::milliseconds per_attempt{5000};
};

// connect_to_any yields the first connection that comes about. Its error names the address tried
// last: it is the operator's own, not a stranger's.
asio::awaitable<Result<asio::ip::tcp::socket, NetError>> connect_to_any(ConnectOptions options);

}  // namespace gnomon
