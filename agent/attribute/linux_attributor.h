// LinuxAttributor: user and program of a socket by what the kernel tells.

#pragma once

#include <memory>

#include "agent/attribute/attributor.h"
#include "agent/attribute/process_table.h"
#include "agent/attribute/sender_table.h"
#include "agent/attribute/sock_diag.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// LinuxAttributor asks the table of senders first, where there is one: it knows also whose sockets
// are closed by now, and leaves a name to be read. Else it asks sock_diag who made the socket and
// looks in /proc for who holds it; not of a packet that is older than the socket it would find.
//
// It counts what it found by `attribute_lookups_total{outcome=...}`, and by the table alone as
// `attribute_found_total{by="kernel"}`; `counters` and `clock` must outlive it. What it may cost is
// bounded (ProcessTable::Limits): a burst of short-lived programs costs names and not CPU.
class LinuxAttributor final : public Attributor {
 public:
  // Somebody who scans a network opens thousands of flows a second; a question takes ten
  // microseconds, so this is one percent of a processor. What is not asked is unknown.
  static constexpr std::uint32_t kQuestionsPerSecond = 1000;

  // open takes the table of senders, or none.
  static Result<std::unique_ptr<LinuxAttributor>, IoError> open(
      Counters& counters, const Clock& clock, std::unique_ptr<SenderTable> senders = nullptr);

  Process owner_of(Transport transport, const Endpoint& local, const Endpoint& remote,
                   WallTime when) override;

 private:
  LinuxAttributor(SockDiag diag, std::unique_ptr<SenderTable> senders, Counters& counters,
                  const Clock& clock);

  bool may_ask();
  Process by_note(const Note& note);
  Process by_holder(Transport transport, const Endpoint& local, const Endpoint& remote);

  SockDiag diag_;
  std::unique_ptr<SenderTable> senders_;  // may be absent
  ProcessTable processes_;
  const Clock& clock_;
  Counter& whole_;      // user and program
  Counter& user_only_;  // the process is gone, hidden, or not looked for
  Counter& unknown_;
  Counter& by_note_;
  MonotonicTime second_begin_{};
  std::uint32_t questions_left_ = kQuestionsPerSecond;
};

}  // namespace gnomon
