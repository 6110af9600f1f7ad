// eventually: for what another thread does a moment after it can be seen from outside.

#pragma once

#include <chrono>
#include <thread>

namespace gnomon::testing {

// eventually asks until `condition` holds. False after half a minute, which only a fault takes.
template <typename Condition>
bool eventually(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace gnomon::testing
