// Committer: the one thread that writes batches.

#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "collector/admit/admit.h"
#include "collector/store/database.h"
#include "collector/store/store.h"
#include "collector/store/tally.h"
#include "core/clock.h"
#include "core/counters.h"

namespace gnomon::store {

// Committer gathers uploads and writes batches, totals and cursors of all of them in one synced
// atomic write; only then it calls their `done`.
//
// When a write fails, or the disk has less free than the reserve, it refuses with `unavailable`
// and probes until the disk takes data again. Nothing of a failed commit stays in its memory: the
// next one reads the cursors from the disk again.
//
// It owns its thread, which ends in the destructor after the queue is empty. The database, clock
// and counters must outlive it. Every method is safe from every thread.
class Committer {
 public:
  Committer(const StoreOptions& options, const Database& database, Clock& clock,
            Counters& counters);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void submit(Upload upload, std::function<void(CommitOutcome)> done);

  // run_between_commits runs `work` on the committer's thread and waits for it.
  Result<Ok, IoError> run_between_commits(std::function<Result<Ok, IoError>()> work);

  StoreState state() const;

 private:
  struct Waiting {
    Upload upload;
    std::function<void(CommitOutcome)> done;
    bool over_queue = false;  // its bytes were not kept: only to be told `unavailable`
  };
  struct Task {
    std::function<Result<Ok, IoError>()> work;
    std::promise<Result<Ok, IoError>> result;
  };
  struct Group {
    std::vector<Waiting> uploads;
    std::size_t bytes = 0;
    std::unique_ptr<Task> task;
    bool stop = false;
  };
  struct GapCounters {
    std::string_view reason;
    Counter* times = nullptr;
    Counter* contacts = nullptr;
  };
  using Cursors = std::unordered_map<std::string, Cursor>;

  void run();
  Group gather();
  void commit(std::vector<Waiting>& uploads);
  CommitOutcome plan(const Upload& upload, Cursors& moved, rocksdb::WriteBatch& batch);
  Result<std::optional<Cursor>, IoError> cursor_of(const std::string& agent, const Cursors& moved);
  void probe();
  // may_write checks the reserve; on lack of room it stops accepting.
  bool may_write();
  void stop_accepting(std::string reason);
  void accept_again();
  void count(CommitOutcome outcome);
  void count(const std::vector<Gap>& gaps);

  const StoreOptions options_;
  const Database& database_;
  Clock& clock_;
  Admit admit_;
  Counter& stored_;
  Counter& repeated_;
  Counter& out_of_order_;
  Counter& refused_;
  Counter& unavailable_;
  Counter& refused_truncated_;
  Counter& refused_malformed_;
  Counter& refused_over_limit_;
  Counter& contacts_;
  std::vector<GapCounters> gaps_;  // by kGapReasons, the last one for all others
  Counter& commits_;
  Counter& commit_bytes_;
  Counter& commit_microseconds_;
  Gauge& accepting_gauge_;
  Gauge& queued_gauge_;
  Gauge& free_gauge_;

  // The committer thread's own.
  Tally tally_;
  Cursors cursors_;  // of agents seen since the start, as on disk

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  std::deque<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  StoreState state_;

  std::thread thread_;  // last: everything it touches is made before it
};

}  // namespace gnomon::store
