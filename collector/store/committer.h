// Committer: the threads that plan commits and write them.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collector/store/commit_facts.h"
#include "collector/store/database.h"
#include "collector/store/planner.h"
#include "collector/store/store.h"
#include "core/counters.h"

namespace gnomon::store {

// Committer gathers uploads and writes batches, totals and cursors of all of them in one synced
// atomic write; only then it calls their `done`.
//
// Two threads share the work. The planner's takes uploads from the queue as they come, judges them
// and adds them up into the open group. The writer's writes one group at a time, and answers its
// uploads in their order. As soon as it is free the open group is handed over: what came in while
// one group was synced is the next, however much that is.
//
// When a write fails, or the disk has less free than the reserve, it refuses with `unavailable`
// and probes until the disk takes data again. The group that was planned meanwhile stands on the
// one that failed, and is refused as a whole. Nothing of a failed commit stays in memory: the next
// one reads the cursors from the disk again.
//
// Both threads end in the destructor after the queue is empty. The database and counters must
// outlive it. Every method is safe from every thread.
class Committer {
 public:
  Committer(const StoreOptions& options, Database& database, Counters& counters);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void submit(Upload upload, std::function<void(CommitOutcome)> done);

  // run_between_commits runs `work` while nothing is being written, and waits for it.
  Result<Ok, IoError> run_between_commits(std::function<Result<Ok, IoError>()> work);

  StoreState state() const;

 private:
  using Steady = std::chrono::steady_clock;

  struct Waiting {
    Upload upload;
    std::function<void(CommitOutcome)> done;
    bool over_queue = false;  // its bytes were not kept: only to be told `unavailable`
  };
  struct Task {
    std::function<Result<Ok, IoError>()> work;
    std::promise<Result<Ok, IoError>> result;
  };
  struct Answer {
    std::function<void(CommitOutcome)> done;
    CommitOutcome outcome = CommitOutcome::unavailable;
  };
  struct Group {
    std::vector<Answer> answers;
    PlannedWrite write;
  };

  // The planner's thread does one of these after the other.
  enum class Step : std::uint8_t { plan, hand_over, give_up, work, probe, stop };

  void run();
  Step next(std::vector<Waiting>& taken);
  std::optional<Step> choose(std::vector<Waiting>& taken);
  bool is_enough() const;
  std::optional<Steady::time_point> wake_at() const;
  void take_some(std::vector<Waiting>& taken);
  void plan(std::vector<Waiting>& taken);
  void hand_over();
  void give_up();
  void work();
  void probe();
  // may_write checks the reserve; on lack of room it stops accepting.
  bool may_write();

  void write_groups();
  bool write(PlannedWrite& write);

  void stop_accepting(std::string reason);
  void accept_again();

  const StoreOptions options_;
  Database& database_;
  CommitCounters counted_;
  Counter& commits_;
  Counter& commit_bytes_;
  Counter& commit_microseconds_;
  Gauge& accepting_gauge_;
  Gauge& queued_gauge_;
  Gauge& free_gauge_;

  // The planner's thread alone.
  Planner planner_;
  std::vector<Answer> open_;  // of the open group
  std::size_t open_bytes_ = 0;
  Steady::time_point open_until_;  // so long a group of one waits for company

  // The writer's thread, and the planner's while nothing is being written: tokens of writes that
  // failed. They may come to light when the log is read again.
  std::vector<TokenId> doubtful_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;         // of the planner
  std::condition_variable writer_wake_;  // of the writer
  // Guarded by mutex_.
  std::deque<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  StoreState state_;
  Steady::time_point probe_at_;  // while the disk refuses
  std::optional<Group> handed_;  // to the writer, which has not taken it yet
  bool writing_ = false;         // a group was handed over and is not on disk yet
  bool failed_ = false;          // the last one could not be written
  bool writer_stops_ = false;

  std::thread thread_;  // last: everything they touch is made before them
  std::thread writer_;
};

}  // namespace gnomon::store
