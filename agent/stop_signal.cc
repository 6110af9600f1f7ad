#include "agent/stop_signal.h"

#include <atomic>
#include <csignal>

#include "core/check.h"

namespace gnomon {
namespace {

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void gnomon_stop_asked(int) {
  stop_asked.store(true);
}

}  // namespace

void StopSignal::install() {
  struct sigaction action {};
  action.sa_handler = &gnomon_stop_asked;
  // Back to the default at once, so that the second signal ends the process.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  GNOMON_CHECK(::sigaction(SIGINT, &action, nullptr) == 0);
  GNOMON_CHECK(::sigaction(SIGTERM, &action, nullptr) == 0);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  GNOMON_CHECK(::sigaction(SIGPIPE, &ignore, nullptr) == 0);
}

bool StopSignal::asked() {
  return stop_asked.load();
}

}  // namespace gnomon
