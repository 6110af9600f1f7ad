#include "agent/health.h"

#include <array>
#include <string_view>
#include <utility>

#include "agent/process_stats.h"

namespace gnomon {
namespace {

std::uint64_t sum(const Counters& counters, std::initializer_list<std::string_view> series) {
  std::uint64_t total = 0;
  for (const std::string_view name : series) {
    total += static_cast<std::uint64_t>(counters.value(name));
  }
  return total;
}

}  // namespace

Health health_of(const Counters& counters, WallTime when, std::uint32_t pack_version,
                 std::vector<std::string> notes) {
  const ProcessStats process = process_stats();
  Health health;
  health.when = when;
  health.packets = sum(counters, {"agent_packets_total"});
  health.dropped = sum(counters, {"capture_dropped_total"});
  health.hellos = sum(counters, {"sight_flights_total{protocol=\"tls\",outcome=\"sighted\"}",
                                 "sight_flights_total{protocol=\"quic\",outcome=\"sighted\"}",
                                 "sight_flights_total{protocol=\"tls\",outcome=\"nameless\"}",
                                 "sight_flights_total{protocol=\"quic\",outcome=\"nameless\"}"});
  health.hellos_incomplete =
      sum(counters,
          {"flow_flights_lost_total{reason=\"expired\"}",
           "flow_flights_lost_total{reason=\"over_limit\"}", "flow_evicted_total{what=\"flight\"}",
           "sight_flights_total{protocol=\"tls\",outcome=\"malformed\"}",
           "sight_flights_total{protocol=\"tls\",outcome=\"over_limit\"}",
           "sight_flights_total{protocol=\"quic\",outcome=\"malformed\"}"});
  health.ech_real = sum(counters, {"sight_ech_total{kind=\"real\"}"});
  health.encrypted_dns = sum(counters, {"evidence_blind_total{kind=\"encrypted-dns\"}",
                                        "sight_encrypted_dns_total{kind=\"dot\"}",
                                        "sight_encrypted_dns_total{kind=\"doq\"}"});
  health.flows_evicted = sum(counters, {"flow_evicted_total{what=\"flow\"}"});
  health.rss_bytes = process.resident_bytes;
  health.cpu_ms = process.cpu_ms;
  health.pack_version = pack_version;
  health.agent_version = GNOMON_VERSION;
  health.spool_bytes = sum(counters, {"spool_bytes"});
  health.notes = std::move(notes);
  return health;
}

}  // namespace gnomon
