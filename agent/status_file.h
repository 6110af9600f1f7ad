// StatusFile: how a running agent fares, for `gnomon-agent status`.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// Attributed counts what is known of whose contacts they were, since the agent's start.
struct Attributed {
  std::uint64_t program = 0;  // user and program
  std::uint64_t user = 0;     // the user alone
  std::uint64_t unknown = 0;

  std::uint64_t all() const { return program + user + unknown; }
  bool operator==(const Attributed&) const = default;
};

// Status is rewritten by the agent every few seconds and whenever something changes.
struct Status {
  std::uint32_t pid = 0;
  std::string mode;  // "run" or "replay"
  WallTime started{};
  WallTime updated{};
  std::uint32_t pack_version = 0;
  std::uint32_t overlay_version = 0;  // the company's own rules; 0: none
  std::uint32_t own_tools = 0;        // so many tools they name beside the catalogue
  std::uint32_t policy_version = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t spool_bytes = 0;
  std::string confinement;  // one sentence, empty when there is none
  std::string strain;       // what is left out for the budget's sake, likewise
  bool connected = false;
  std::optional<WallTime> last_contact;                  // with the collector
  std::optional<std::chrono::nanoseconds> clock_offset;  // our clock minus the collector's
  std::string trouble;                                   // one sentence, empty when all is well
  std::array<Attributed, 4> attributed;                  // by source: DNS, TLS, QUIC, HTTP

  bool operator==(const Status&) const = default;
};

// attributed_of reads the counters of FlowOwners.
std::array<Attributed, 4> attributed_of(const Counters& counters);

std::string encode_status(const Status& status);
std::optional<Status> decode_status(const std::string& text);

}  // namespace gnomon
