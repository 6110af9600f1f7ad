// AgentError: why a command ends without doing what it was asked.

#pragma once

#include <stdexcept>

namespace gnomon {

// Exit statuses, the same for every command of both the agent and `gnomon`.
constexpr int kExitDone = 0;
constexpr int kExitPartly = 1;  // done, but something was damaged, or not everything arrived
constexpr int kExitFailed = 2;  // could not be done

// AgentError carries one clear sentence for the operator. Caught in main only.
class AgentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace gnomon
