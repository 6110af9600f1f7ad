// Budget: what the agent may cost this machine, and what it leaves out when it costs more.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/process_stats.h"
#include "core/clock.h"

namespace gnomon {

struct BudgetLimits {
  std::uint64_t memory_bytes = 0;  // resident; above it the agent ends, with everything stored
  unsigned cpu_percent = 5;        // of one core, over a minute
};

// Strain is how much the agent leaves out, in the order of what is worth least. Each step includes
// the ones before it.
enum class Strain : std::uint8_t {
  none,
  no_programs,  // user and program of a connection are not asked for
  no_reasons,   // contacts go without the reasons behind their stage
  sampled,      // of four connections one is looked at; name lookups all are
  over,         // memory alone: the agent stores everything and ends, to be started afresh
};

// strain_words is one sentence for health and `status`; empty for none.
std::string strain_words(Strain strain);

// Budget decides from what it is shown. Memory counts as it is: the first step is taken at 80 % of
// the limit, the next ones at 87 and 94, and a step is taken back 5 points below. CPU time counts
// by the minute: one step more for each minute over the limit, one less for each below two thirds
// of it; never further than `sampled`. One thread.
class Budget {
 public:
  static constexpr std::chrono::seconds kCpuWindow{60};

  explicit Budget(BudgetLimits limits) : limits_(limits) {}

  // look takes what the process has cost by `now`.
  Strain look(MonotonicTime now, const ProcessStats& stats);

 private:
  unsigned memory_step(std::uint64_t resident) const;
  void count_cpu(MonotonicTime now, std::uint64_t cpu_ms);

  BudgetLimits limits_;
  unsigned memory_ = 0;  // steps taken for either
  unsigned cpu_ = 0;
  std::optional<MonotonicTime> window_begin_;
  std::uint64_t window_cpu_ms_ = 0;  // at its begin
};

}  // namespace gnomon
