// Property: what is accepted encodes to the same bytes; what is not leaves nothing behind; and no
// question is answered from a file alone, without the ledger.
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/unknown_reports.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gnomon::UnknownReports reports{true, std::string(32, 'k')};
  if (!reports.decode({data, size})) {
    if (reports.left_count() != 0 || !reports.reveals().empty() || reports.policy().enabled) {
      __builtin_trap();
    }
    return 0;
  }
  if (reports.encode() != std::vector<std::uint8_t>(data, data + size)) {
    __builtin_trap();
  }
  gnomon::wire::RevealRequest request;
  request.epoch = reports.policy().epoch;
  request.tokens.emplace_back();
  const auto reply = reports.answer(request, gnomon::UnknownLedger{}, gnomon::WallTime{});
  if (!reply.answers.at(0).domain.empty()) {
    __builtin_trap();
  }
  return 0;
}
