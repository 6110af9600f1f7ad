#include "agent/attribute/linux_attributor.h"

#include <utility>

namespace gnomon {

Result<std::unique_ptr<LinuxAttributor>, IoError> LinuxAttributor::open(Counters& counters,
                                                                        const Clock& clock) {
  auto diag = SockDiag::open();
  if (!diag) {
    return Failure{diag.error()};
  }
  return std::unique_ptr<LinuxAttributor>{new LinuxAttributor{std::move(*diag), counters, clock}};
}

LinuxAttributor::LinuxAttributor(SockDiag diag, Counters& counters, const Clock& clock)
    : diag_(std::move(diag)),
      processes_(ProcessTable::Limits{}, clock, counters),
      clock_(clock),
      whole_(counters.counter("attribute_lookups_total", "Flows by what is known of their owner.",
                              {{"outcome", "program"}})),
      user_only_(counters.counter("attribute_lookups_total", {}, {{"outcome", "user-only"}})),
      unknown_(counters.counter("attribute_lookups_total", {}, {{"outcome", "unknown"}})) {}

bool LinuxAttributor::may_ask() {
  const MonotonicTime now = clock_.monotonic();
  if (now - second_begin_ >= std::chrono::seconds{1}) {
    second_begin_ = now;
    questions_left_ = kQuestionsPerSecond;
  }
  if (questions_left_ == 0) {
    return false;
  }
  --questions_left_;
  return true;
}

Process LinuxAttributor::owner_of(Transport transport, const Endpoint& local,
                                  const Endpoint& remote) {
  Process process;
  const auto owner = may_ask() ? diag_.find(transport, local, remote) : std::nullopt;
  if (!owner) {
    unknown_.add_alone();
    return process;
  }
  process.uid = owner->uid;
  const auto program = processes_.find(owner->inode, owner->uid);
  if (!program) {
    user_only_.add_alone();
    return process;
  }
  process.pid = program->pid;
  process.program = program->name;
  whole_.add_alone();
  return process;
}

}  // namespace gnomon
