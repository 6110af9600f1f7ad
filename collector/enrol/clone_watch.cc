#include "collector/enrol/clone_watch.h"

#include <algorithm>

namespace gnomon {
namespace {

// Enough to know an earlier run again although the other one was started a few times since.
constexpr std::size_t kRunsKept = 4;

}  // namespace

bool CloneWatch::is_clone(const std::string& agent, const std::string& run) {
  if (run.empty()) {
    return false;
  }
  Seen& seen = agents_[agent];
  const auto known = std::find(seen.runs.begin(), seen.runs.end(), run);
  if (known == seen.runs.end()) {
    seen.runs.push_back(run);
    if (seen.runs.size() > kRunsKept) {
      seen.runs.erase(seen.runs.begin());
    }
    return false;
  }
  seen.returns += known + 1 == seen.runs.end() ? 0U : 1U;
  return seen.returns >= kReturns;
}

}  // namespace gnomon
