// EnrolServer: the listener where machines that have no certificate yet get one.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "collector/enrol/authority.h"
#include "collector/enrol/registry.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/net/host_port.h"
#include "core/result.h"

namespace boost::asio {
class io_context;
class thread_pool;
}  // namespace boost::asio

namespace gnomon {

// EnrolServerOptions are the bounds of the listener. Anybody may connect to it, so they are narrow.
struct EnrolServerOptions {
  HostPort address{"0.0.0.0", 7444};
  std::uint16_t agent_port = 7443;  // told to newcomers
  // Likewise: whose overlays to trust, as it stands when somebody asks; absent: of none.
  std::function<std::string()> overlay_trust;
  double per_second = 10;  // enrolments, of all addresses together
  double burst = 20;
  double failures_per_minute = 10;  // of one address; then it waits
  std::size_t max_connections = 64;
  std::chrono::milliseconds handshake_within{10'000};
  std::chrono::milliseconds message_within{10'000};
};

// EnrolServer speaks TLS with a server certificate only: the client knows whom it talks to by the
// hash in its join token, the server by the token's secret. One request, one answer.
//
// start() and stop() on the I/O thread, or before it runs. Everything given, and the server itself,
// must outlive the run of the io_context.
class EnrolServer {
 public:
  EnrolServer(boost::asio::io_context& io, boost::asio::thread_pool& pool, Authority& authority,
              Registry& registry, const Clock& clock, Counters& counters,
              EnrolServerOptions options);
  EnrolServer(const EnrolServer&) = delete;
  EnrolServer& operator=(const EnrolServer&) = delete;
  ~EnrolServer();

  Result<Ok, IoError> start();
  void stop();
  std::uint16_t port() const;  // the one bound, once started

  // renew_tls takes the server's certificate anew from the authority, for new connections.
  void renew_tls();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon
