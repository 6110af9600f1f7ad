// LinuxAttributor: user and program of a socket by sock_diag and /proc.

#pragma once

#include <memory>

#include "agent/attribute/attributor.h"
#include "agent/attribute/process_table.h"
#include "agent/attribute/sock_diag.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// LinuxAttributor counts what it found by `attribute_lookups_total{outcome=...}`; `counters` and
// `clock` must outlive it. Looking through all processes is rationed to kScansPerSecond, so that a
// burst of short-lived programs costs names and not CPU.
class LinuxAttributor final : public Attributor {
 public:
  static constexpr unsigned kScansPerSecond = 20;

  static Result<std::unique_ptr<LinuxAttributor>, IoError> open(Counters& counters,
                                                                const Clock& clock);

  Process owner_of(Transport transport, const Endpoint& local, const Endpoint& remote) override;

 private:
  LinuxAttributor(SockDiag diag, Counters& counters, const Clock& clock);

  bool may_scan();

  SockDiag diag_;
  ProcessTable processes_;
  const Clock& clock_;
  Counter& whole_;      // user and program
  Counter& user_only_;  // the process is gone, hidden, or not looked for
  Counter& unknown_;
  MonotonicTime second_begin_{};
  std::uint64_t scans_before_ = 0;
};

}  // namespace gnomon
