// Enrolling: from a join token to an identity.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/uplink/identity.h"
#include "core/file.h"
#include "core/net/host_port.h"
#include "core/net/net_error.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace gnomon {

// EnrolOptions are what an operator gives.
struct EnrolOptions {
  std::vector<HostPort> addresses;  // of the collector's enrolment listener (usually port 7444)
  std::optional<HostPort> proxy;
  std::string token;               // "gn1...."
  std::string identity_directory;  // where the identity goes
  wire::MachineFacts machine;
  std::chrono::milliseconds within{15'000};  // for each step
};

// Why enrolling failed, with one clear sentence for the operator.
struct EnrolError {
  enum class Fault : std::uint8_t {
    bad_token,  // not a join token
    network,    // no answer, or not our collector
    refused,    // the collector said no; `code` says why
    disk,       // the identity could not be stored
  };
  Fault fault = Fault::network;
  wire::ErrorCode code = wire::ErrorCode::unspecified;
  std::string text;
};

// EnrolResult is the new identity, stored already.
struct EnrolResult {
  Identity identity;
  std::uint16_t agent_port = 0;  // where the collector listens for enrolled agents
  std::string overlay_trust;     // the root record of its overlays; empty: it makes none
};

// enrol makes a key, checks that it talks to the collector that the token was made for, asks for a
// certificate and stores both. Blocks until it is done; runs an io_context of its own.
Result<EnrolResult, EnrolError> enrol(FileSystem& files, const EnrolOptions& options);

// describe_machine gathers the facts an enrolling machine tells: system, architecture, version and
// a salted hash of /etc/machine-id. No names of people or hosts.
wire::MachineFacts describe_machine(FileSystem& files);

}  // namespace gnomon
