// Property: what is accepted encodes to the same bytes, and holds what see() could have stored.
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/match/unknown_ledger.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gnomon::UnknownLedger;
  UnknownLedger ledger;
  if (!ledger.decode({data, size})) {
    if (!ledger.domains().empty() || !ledger.known_before().empty()) {
      __builtin_trap();
    }
    return 0;
  }
  const std::vector<std::uint8_t> bytes = ledger.encode();
  if (bytes != std::vector<std::uint8_t>(data, data + size) ||
      ledger.domains().size() > UnknownLedger::kMaxDomains) {
    __builtin_trap();
  }
  for (const auto& [name, domain] : ledger.domains()) {
    if (domain.hosts.size() > UnknownLedger::kMaxHosts || domain.first > domain.last) {
      __builtin_trap();
    }
    for (const auto& host : domain.hosts) {
      if (host.host != name && !host.host.ends_with("." + name)) {
        __builtin_trap();
      }
    }
  }
  return 0;
}
