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
// `clock` must outlive it. What it may cost is bounded (ProcessTable::Limits): a burst of
// short-lived programs costs names and not CPU.
class LinuxAttributor final : public Attributor {
 public:
  // Somebody who scans a network opens thousands of flows a second; a question takes ten
  // microseconds, so this is one percent of a processor. What is not asked is unknown.
  static constexpr std::uint32_t kQuestionsPerSecond = 1000;

  static Result<std::unique_ptr<LinuxAttributor>, IoError> open(Counters& counters,
                                                                const Clock& clock);

  Process owner_of(Transport transport, const Endpoint& local, const Endpoint& remote) override;

 private:
  LinuxAttributor(SockDiag diag, Counters& counters, const Clock& clock);

  bool may_ask();

  SockDiag diag_;
  ProcessTable processes_;
  const Clock& clock_;
  Counter& whole_;      // user and program
  Counter& user_only_;  // the process is gone, hidden, or not looked for
  Counter& unknown_;
  MonotonicTime second_begin_{};
  std::uint32_t questions_left_ = kQuestionsPerSecond;
};

}  // namespace gnomon
