// GNOMON_CHECK ends the process when the program itself broke a promise.

#pragma once

#include <cstdio>
#include <cstdlib>

namespace gnomon {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  static_cast<void>(std::fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, condition));
  std::abort();
}

}  // namespace gnomon

// Active in every build. Never for input: a stranger's bytes are a Result, see core/result.h.
#define GNOMON_CHECK(condition)                               \
  do {                                                        \
    if (!(condition)) {                                       \
      ::gnomon::check_failed(#condition, __FILE__, __LINE__); \
    }                                                         \
  } while (false)
