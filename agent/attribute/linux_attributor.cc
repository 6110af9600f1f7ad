#include "agent/attribute/linux_attributor.h"

#include <utility>

namespace gnomon {

Result<std::unique_ptr<LinuxAttributor>, IoError> LinuxAttributor::open(
    Counters& counters, const Clock& clock, std::unique_ptr<SenderTable> senders) {
  auto diag = SockDiag::open();
  if (!diag) {
    return Failure{diag.error()};
  }
  return std::unique_ptr<LinuxAttributor>{
      new LinuxAttributor{std::move(*diag), std::move(senders), counters, clock}};
}

LinuxAttributor::LinuxAttributor(SockDiag diag, std::unique_ptr<SenderTable> senders,
                                 Counters& counters, const Clock& clock)
    : diag_(std::move(diag)),
      senders_(std::move(senders)),
      processes_(ProcessTable::Limits{}, clock, counters),
      clock_(clock),
      whole_(counters.counter("attribute_lookups_total", "Flows by what is known of their owner.",
                              {{"outcome", "program"}})),
      user_only_(counters.counter("attribute_lookups_total", {}, {{"outcome", "user-only"}})),
      unknown_(counters.counter("attribute_lookups_total", {}, {{"outcome", "unknown"}})),
      by_table_(counters.counter("attribute_found_total", {}, {{"by", "kernel"}})) {}

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
                                  const Endpoint& remote, WallTime when) {
  Process process;
  if (may_ask()) {
    process = by_table(transport, local, remote, when);
    if (process.program.empty()) {
      const Process held = by_holder(transport, local, remote);
      process = held.uid ? held : process;
    }
  }
  (!process.program.empty() ? whole_ : process.uid ? user_only_ : unknown_).add_alone();
  return process;
}

// by_table asks what the kernel noted when the packet left. The program file names the program
// while the process lives, as it does for most: a closed socket is not the end of a program.
Process LinuxAttributor::by_table(Transport transport, const Endpoint& local,
                                  const Endpoint& remote, WallTime when) {
  Process process;
  if (senders_ == nullptr) {
    return process;
  }
  const auto sender =
      senders_->find(transport, local, remote, clock_.monotonic() - (clock_.wall() - when));
  if (!sender) {
    return process;
  }
  process.uid = sender->uid;
  process.program = processes_.name_of(sender->pid);
  if (!process.program.empty()) {
    process.pid = sender->pid;
    by_table_.add_alone();
  }
  return process;
}

// by_holder asks who has the socket now.
Process LinuxAttributor::by_holder(Transport transport, const Endpoint& local,
                                   const Endpoint& remote) {
  Process process;
  const auto owner = diag_.find(transport, local, remote);
  if (!owner) {
    return process;
  }
  process.uid = owner->uid;
  if (const auto program = processes_.find(owner->inode, owner->uid)) {
    process.pid = program->pid;
    process.program = program->name;
  }
  return process;
}

}  // namespace gnomon
