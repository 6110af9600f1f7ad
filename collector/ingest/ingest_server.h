// IngestServer: the listener of enrolled agents. One coroutine an agent, uploads in, acks out.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/enrol/authority.h"
#include "collector/enrol/registry.h"
#include "collector/ingest/push_image.h"
#include "collector/ingest/push_pacer.h"
#include "collector/ingest/upload.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/net/host_port.h"
#include "core/net/ip_range.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace boost::asio {
class io_context;
class thread_pool;
}  // namespace boost::asio

namespace gnomon {

// IngestOptions are the limits against slow, broken and hostile peers.
struct IngestOptions {
  HostPort address{"0.0.0.0", 7443};

  // Of one agent.
  std::uint32_t window = 64;                        // uploads under way at once
  std::size_t window_bytes = std::size_t{4} << 20;  // and their bytes, compressed; then we stop
                                                    // reading, and the agent's writes wait
  double uploads_per_second = 100;                  // above these rates reading waits
  double upload_burst = 2'000;
  double bytes_per_second = 4e6;  // compressed; a spool of 64 MiB is taken in half a minute
  double byte_burst = 64e6;
  double messages_per_second = 10;  // that are no uploads: heartbeats and answers
  double message_burst = 200;
  double renewals_per_hour = 6;  // of the certificate; above it the agent is cut
  double renewal_burst = 6;

  // Deadlines.
  std::chrono::seconds heartbeat{60};  // asked of agents; three times that in silence is the end
  std::chrono::milliseconds handshake_within{10'000};
  std::chrono::milliseconds message_within{30'000};  // from a frame's header to its end
  std::chrono::milliseconds write_within{30'000};    // 64 KiB at most
  std::chrono::milliseconds push_within{600'000};    // from its first piece to the agent's word

  // Of all together.
  std::size_t max_connections = 20'000;
  std::size_t handshakes_at_once = 256;  // under way; others wait in line, their clock stopped
  PushPace push_pace;

  // Of one address, or one IPv6 network of 64 bits; a whole site may stand behind it.
  double connects_per_second = 200;
  double connect_burst = 2'000;
  std::vector<IpRange> shared_addresses;  // of NAT and VPN concentrators: not limited
};

// UnknownsDoor is where sessions learn what to tell and ask agents about domains outside the
// catalogue. Called on the I/O thread: none may block. Each may be empty.
struct UnknownsDoor {
  std::function<wire::UnknownsPolicy()> policy;
  std::function<std::optional<wire::RevealRequest>(const std::string& agent)> question;
  std::function<void(const std::string& agent, wire::RevealReply reply)> answered;
};

// LiveAgent is one connection, for the dashboard.
struct LiveAgent {
  std::string agent;
  std::string version;
  WallTime since;
  WallTime heard;
  std::chrono::nanoseconds clock_offset{0};  // the agent's clock minus ours, at its hello
  std::uint64_t waiting = 0;                 // batches it still has to send, by its last word
  std::uint32_t pack_version = 0;
  std::uint32_t policy_version = 0;
  std::uint32_t overlay_version = 0;
  bool resumed = false;
  std::optional<Health> health;  // by its last heartbeat
};

// IngestServer takes connections of agents with a certificate of the authority and hands their
// batches to the sink. The agent's name comes from its certificate and from nowhere else. Every
// connection is checked against the registry, also when its TLS session was resumed; a revoked
// agent is cut off at once. Acknowledgements go out after the sink's word, in order.
//
// Every refusal is counted: ingest_refused_total{reason}. Nothing is logged per connection.
//
// start() on the I/O thread or before it runs; all else from any thread. Everything given, and the
// server itself, must outlive the run of the io_context and the sink's last callback.
class IngestServer {
 public:
  struct Parts {
    boost::asio::io_context& io;
    boost::asio::thread_pool& pool;
    Authority& authority;
    Registry& registry;
    UploadSink& sink;
    const Clock& clock;
    Counters& counters;
  };

  IngestServer(const Parts& parts, IngestOptions options);
  IngestServer(const IngestServer&) = delete;
  IngestServer& operator=(const IngestServer&) = delete;
  ~IngestServer();

  Result<Ok, IoError> start();
  std::uint16_t port() const;  // the one bound, once started

  // stop takes no more connections and tells every agent to come back later. The io_context runs
  // dry soon after.
  void stop();

  // drop_agent cuts the agent's connection. The registry's on_barred wants it.
  void drop_agent(const std::string& agent);

  // offer makes a rule pack or policy the newest: agents that have an older one are pushed it, now
  // or when they connect, at the pace of the options. Takes tens of milliseconds to compress it.
  void offer(wire::PushKind kind, const PushContent& content);

  // set_unknowns opens the door, before start() or on the I/O thread. ask_unknowns() has every
  // session go to it for a changed policy and a new question; on its own a session goes there when
  // its agent connects.
  void set_unknowns(UnknownsDoor door);
  void ask_unknowns();

  // renew_tls takes the server's certificate anew from the authority, for new connections.
  void renew_tls();

  std::vector<LiveAgent> live() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon
