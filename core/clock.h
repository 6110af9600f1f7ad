// The only file that asks what time it is.

#pragma once

#include <chrono>

namespace gnomon {

// WallTime is UTC, in nanoseconds since 1970-01-01. Years 1678 to 2262.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// MonotonicTime never goes back; its zero is arbitrary and differs between boots.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// Clock tells the time to code that must be testable with a time of our own making.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  virtual WallTime wall() const = 0;
  virtual MonotonicTime monotonic() const = 0;
};

// SystemClock is the machine's own clock. Safe from every thread.
class SystemClock final : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  }
  MonotonicTime monotonic() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace gnomon
