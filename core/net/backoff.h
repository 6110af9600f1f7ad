// Backoff: how long to wait before the next attempt.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

namespace gnomon {

// Backoff draws each wait between `first` and three times the wait before it, `most` at the most
// (decorrelated jitter): whoever lost its connection together with thousands of others does not
// come back together with them, and the crowd thins out with every attempt. One thread.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Backoff(Milliseconds first, Milliseconds most, std::uint64_t seed)
      : first_(first), most_(std::max(first, most)), last_(first), random_(seed) {}

  // next draws the wait after a failed attempt.
  Milliseconds next() {
    std::uniform_int_distribution<Milliseconds::rep> draw(
        first_.count(), std::max(first_.count(), last_.count() * 3));
    last_ = std::min(most_, Milliseconds{draw(random_)});
    return last_;
  }

  // reset follows an attempt that came about.
  void reset() { last_ = first_; }

 private:
  Milliseconds first_;
  Milliseconds most_;
  Milliseconds last_;
  std::mt19937_64 random_;
};

}  // namespace gnomon
