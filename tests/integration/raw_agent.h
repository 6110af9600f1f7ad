// A client that says exactly what a test wants, right or wrong.

#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "agent/uplink/identity.h"
#include "core/net/await.h"
#include "core/net/host_port.h"
#include "core/net/net_error.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_context.h"
#include "core/wire/messages.h"

namespace gnomon::testing {

constexpr std::chrono::milliseconds kWithin{10'000};

// LastWord is what the peer had to say at last.
struct LastWord {
  NetFault fault = NetFault::closed;
  std::string text;
  wire::ErrorCode code = wire::ErrorCode::unspecified;
};

using Script = std::function<asio::awaitable<void>(TlsConnection&)>;

// talk connects, shakes hands, plays the script and reads until the peer closes.
LastWord talk(const HostPort& address, TlsContext& tls, const Script& script = {});

// sending is a script that writes these bytes.
Script sending(std::string bytes);

TlsContext context_of(const Identity& identity);
wire::Hello hello_of(std::uint64_t epoch);

// raw_exchange sends bytes without TLS, closes its side, and reads until the peer closes.
void raw_exchange(const HostPort& address, const std::string& bytes);

// connect_raw gives a connected blocking socket.
asio::ip::tcp::socket connect_raw(asio::io_context& io, const HostPort& address);

}  // namespace gnomon::testing
