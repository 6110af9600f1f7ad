#include "agent/budget.h"

#include <algorithm>
#include <array>

namespace gnomon {
namespace {

constexpr std::array<unsigned, 3> kMemorySteps{80, 87, 94};  // per cent of the limit
constexpr unsigned kBack = 5;                                // points below, to take a step back
constexpr unsigned kMostForCpu = 3;                          // Strain::sampled

}  // namespace

std::string strain_words(Strain strain) {
  switch (strain) {
    case Strain::none:
      break;
    case Strain::no_programs:
      return "over its budget: programs are not named";
    case Strain::no_reasons:
      return "over its budget: programs are not named, reasons are not sent";
    case Strain::sampled:
      return "over its budget: one connection of four is looked at, programs are not named, "
             "reasons are not sent";
    case Strain::over:
      return "over its memory: it ends with everything stored, to be started afresh";
  }
  return {};
}

unsigned Budget::memory_step(std::uint64_t resident) const {
  if (limits_.memory_bytes == 0) {
    return 0;
  }
  if (resident > limits_.memory_bytes) {
    return static_cast<unsigned>(Strain::over);
  }
  const std::uint64_t percent = resident * 100 / limits_.memory_bytes;
  unsigned step = 0;
  for (const unsigned at : kMemorySteps) {
    // A step that was taken holds until memory is well below it.
    const unsigned needed = step < memory_ ? at - kBack : at;
    step += percent >= needed ? 1 : 0;
  }
  return step;
}

void Budget::count_cpu(MonotonicTime now, std::uint64_t cpu_ms) {
  if (!window_begin_) {
    window_begin_ = now;
    window_cpu_ms_ = cpu_ms;
    return;
  }
  const auto passed = now - *window_begin_;
  if (passed < kCpuWindow) {
    return;
  }
  // Milliseconds of CPU time that the limit allows in the time that passed.
  const auto passed_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
  const std::uint64_t allowed = passed_ms * limits_.cpu_percent / 100;
  const std::uint64_t spent = cpu_ms - std::min(cpu_ms, window_cpu_ms_);
  if (spent > allowed) {
    cpu_ = std::min(cpu_ + 1, kMostForCpu);
  } else if (spent < allowed * 2 / 3 && cpu_ > 0) {
    --cpu_;
  }
  window_begin_ = now;
  window_cpu_ms_ = cpu_ms;
}

Strain Budget::look(MonotonicTime now, const ProcessStats& stats) {
  memory_ = memory_step(stats.resident_bytes);
  count_cpu(now, stats.cpu_ms);
  return static_cast<Strain>(std::max(memory_, cpu_));
}

}  // namespace gnomon
