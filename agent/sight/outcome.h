// What became of each flight: one outcome per flight, so that the sums add up.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/counters.h"

namespace gnomon {

// Protocol says which parser had the last word on a flight.
enum class Protocol : std::uint8_t { none, dns, mdns, llmnr, tls, quic, http, dtls, gquic };
constexpr std::size_t kProtocols = 9;

enum class Outcome : std::uint8_t {
  sighted,       // it gave at least one sighting
  waiting,       // fine so far, more bytes are needed
  continued,     // more of what was already judged: bodies, retransmissions, the server's half
  nameless,      // understood, and there is no name in it
  bad_name,      // understood, but the name has bytes that no name has
  ignored,       // a protocol that is counted and not read: mDNS, LLMNR, DTLS, the old QUIC
  not_protocol,  // nobody knows these bytes
  malformed,     // a known protocol with broken structure
  over_limit,    // a known protocol, larger than we hold
};
constexpr std::size_t kOutcomes = 9;

std::string_view to_string(Protocol protocol);
std::string_view to_string(Outcome outcome);

// OutcomeCounters is the table `sight_flights_total{protocol,outcome}`. For the capture thread.
class OutcomeCounters {
 public:
  explicit OutcomeCounters(Counters& counters);

  void count(Protocol protocol, Outcome outcome) {
    table_[static_cast<std::size_t>(protocol)][static_cast<std::size_t>(outcome)]->add_alone();
  }

 private:
  std::array<std::array<Counter*, kOutcomes>, kProtocols> table_{};
};

}  // namespace gnomon
