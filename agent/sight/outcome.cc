#include "agent/sight/outcome.h"

namespace gnomon {

std::string_view to_string(Protocol protocol) {
  constexpr std::array<std::string_view, kProtocols> kWords = {
      "none", "dns", "mdns", "llmnr", "tls", "quic", "http", "dtls", "gquic"};
  return kWords[static_cast<std::size_t>(protocol)];
}

std::string_view to_string(Outcome outcome) {
  constexpr std::array<std::string_view, kOutcomes> kWords = {
      "sighted", "waiting",      "continued", "nameless",  "bad_name",
      "ignored", "not_protocol", "malformed", "over_limit"};
  return kWords[static_cast<std::size_t>(outcome)];
}

OutcomeCounters::OutcomeCounters(Counters& counters) {
  for (std::size_t protocol = 0; protocol < kProtocols; ++protocol) {
    for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
      table_[protocol][outcome] = &counters.counter(
          "sight_flights_total", "Flights by the protocol that was recognised and what came of it.",
          {{"protocol", to_string(static_cast<Protocol>(protocol))},
           {"outcome", to_string(static_cast<Outcome>(outcome))}});
    }
  }
}

}  // namespace gnomon
