#include "agent/attribute/linux_attributor.h"

#include <utility>

namespace gnomon {
namespace {

// monotonic_at yields what the monotonic clock showed at `when`, or a little less, for it is read
// before the other one. A thread that lost its turn between the two reads them again.
MonotonicTime monotonic_at(const Clock& clock, WallTime when) {
  constexpr int kTries = 3;
  constexpr std::chrono::microseconds kNoTurnLost{20};
  MonotonicTime now{};
  WallTime wall{};
  for (int i = 0; i < kTries && (i == 0 || clock.monotonic() - now > kNoTurnLost); ++i) {
    now = clock.monotonic();
    wall = clock.wall();
  }
  return now - (wall - when);
}

}  // namespace

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
      by_note_(counters.counter("attribute_found_total", {}, {{"by", "kernel"}})) {}

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
    const Note note =
        senders_ ? senders_->find(transport, local, remote, monotonic_at(clock_, when)) : Note{};
    process = by_note(note);
    if (process.program.empty() && !note.of_later_socket) {
      const Process held = by_holder(transport, local, remote);
      process = held.uid ? held : process;
    }
  }
  (!process.program.empty() ? whole_ : process.uid ? user_only_ : unknown_).add_alone();
  return process;
}

// by_note names whom the kernel noted when the packet left. The program file names the program
// while the process lives, as it does for most: a closed socket is not the end of a program.
Process LinuxAttributor::by_note(const Note& note) {
  Process process;
  if (!note.sender) {
    return process;
  }
  process.uid = note.sender->uid;
  process.program = processes_.name_of(note.sender->pid);
  if (!process.program.empty()) {
    process.pid = note.sender->pid;
    by_note_.add_alone();
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
