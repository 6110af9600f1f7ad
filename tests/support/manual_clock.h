// ManualClock: time that moves only when the test says so.

#pragma once

#include <chrono>

#include "core/clock.h"

namespace gnomon::testing {

// ManualClock starts on Monday 2026-11-16, 08:00 UTC. Not for two threads at once.
class ManualClock final : public Clock {
 public:
  WallTime wall() const override { return wall_; }
  MonotonicTime monotonic() const override { return monotonic_; }

  // advance moves both clocks; jump moves only the wall clock, as an operator or NTP would.
  void advance(std::chrono::nanoseconds by) {
    wall_ += by;
    monotonic_ += by;
  }
  void jump(std::chrono::nanoseconds by) { wall_ += by; }

 private:
  WallTime wall_{std::chrono::sys_days{std::chrono::year{2026} / 11 / 16} + std::chrono::hours{8}};
  MonotonicTime monotonic_{std::chrono::hours{1}};
};

}  // namespace gnomon::testing
