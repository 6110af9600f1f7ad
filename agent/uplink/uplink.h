// Uplink: from the spool to a collector, over whatever the network is today.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/spool/spool.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"
#include "core/net/host_port.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace boost::asio {
class io_context;
}

namespace gnomon {

// UplinkOptions say where to and how patiently.
struct UplinkOptions {
  std::vector<HostPort> addresses;  // of collectors, tried in order
  std::optional<HostPort> proxy;    // HTTP CONNECT
  std::string identity_directory;
  std::string pack_path;    // where a verified rule pack goes; empty: none is taken
  std::string policy_path;  // likewise
  std::string overlay_path;
  std::string sender_path;   // where sender.h keeps its note; empty: a new name changes nothing
  std::string machine_hash;  // as told at enrolment; empty when the system has no machine id

  // Waits between attempts are drawn between `first_backoff` and three times the last one
  // (decorrelated jitter), so that thousands of agents do not come back in step.
  std::chrono::milliseconds first_backoff{1'000};
  std::chrono::milliseconds max_backoff{300'000};

  std::chrono::milliseconds connect_within{5'000};
  std::chrono::milliseconds handshake_within{15'000};
  std::chrono::milliseconds message_within{30'000};

  // A certificate is renewed when this part of its life is over, drawn anew for each.
  double renew_from = 0.7;
  double renew_to = 0.9;
};

// UplinkHooks is what the uplink asks of the rest of the agent. Called on the I/O thread.
struct UplinkHooks {
  std::function<Health()> health;               // for heartbeats; may be empty
  std::function<std::uint32_t()> pack_version;  // in use; empty counts as 0
  std::function<std::uint32_t()> policy_version;
  std::function<std::uint32_t()> overlay_version;

  // What the collector says and asks about domains outside the catalogue. Empty: it is not heard.
  std::function<void(const wire::UnknownsPolicy&)> unknowns_policy;
  std::function<wire::RevealReply(const wire::RevealRequest&)> reveal;

  // verify says whether a pushed rule pack, overlay or policy may replace the one in use:
  // signature, version, expiry, the local ceiling. A reason otherwise. Empty: nothing is taken.
  std::function<Result<Ok, std::string>(wire::PushKind, const std::string& bytes)> verify;

  // apply takes it into use, once it lies in its place on disk. When it fails, the file before it
  // is put back.
  std::function<Result<Ok, std::string>(wire::PushKind, const std::string& path)> apply;
};

enum class UplinkState : std::uint8_t {
  not_enrolled,  // no identity: enrol first
  connecting,
  connected,
  waiting,  // between two attempts
  refused,  // the collector does not want this agent; tried again now and then
  stopped,
};

std::string_view to_string(UplinkState state);

// UplinkStatus is for `gnomon-agent status` and for tests.
struct UplinkStatus {
  UplinkState state = UplinkState::waiting;
  std::string reason;  // of the last failure, one sentence; empty when all is well
  WallTime since;      // of the state
  std::optional<std::chrono::nanoseconds> clock_offset;  // our clock minus the collector's
  std::uint64_t connections = 0;                         // greeted so far
  bool resumed = false;                                  // the last one resumed a TLS session
};

// Uplink sends the spool's batches in order, keeps a window of them under way, and acknowledges to
// the spool what the collector has stored. It reconnects for ever, renews the certificate, and
// takes rule packs and policies down. Changes of state are logged once.
//
// It owns the I/O thread's part of the spool: nobody else may touch the spool but on that thread.
// All given must outlive the run of the io_context. Everything on the I/O thread.
class Uplink {
 public:
  Uplink(boost::asio::io_context& io, FileSystem& files, Spool& spool, const Clock& clock,
         Counters& counters, UplinkOptions options, UplinkHooks hooks);
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;
  ~Uplink();

  void start();

  // stop ends the connection; the io_context runs dry soon after.
  void stop();

  // spooled says that the spool has something new.
  void spooled();

  const UplinkStatus& status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon
