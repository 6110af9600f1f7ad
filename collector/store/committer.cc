#include "collector/store/committer.h"

#include <iterator>
#include <utility>

#include "core/file.h"
#include "core/log.h"

namespace gnomon::store {
namespace {

// So many uploads are planned before somebody looks whether the writer is free.
constexpr std::size_t kPlannedAtOnce = 16;

}  // namespace

Committer::Committer(const StoreOptions& options, Database& database, Counters& counters)
    : options_(options),
      database_(database),
      counted_(counters),
      commits_(counters.counter("store_commits_total", "Synced writes of gathered uploads")),
      commit_bytes_(counters.counter("store_commit_bytes_total", "Bytes handed to those writes")),
      commit_microseconds_(counters.counter("store_commit_microseconds_total",
                                            "Time spent in those writes, syncing included")),
      accepting_gauge_(counters.gauge("store_accepting", "1 while uploads can be stored")),
      queued_gauge_(counters.gauge("store_queued_bytes", "Uploads waiting for a commit")),
      free_gauge_(counters.gauge("store_free_bytes", "Free room where the store lies")),
      planner_(options, database) {
  accepting_gauge_.set(1);
  writer_ = std::thread([this] { write_groups(); });
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  {
    const std::lock_guard lock{mutex_};
    writer_stops_ = true;
  }
  writer_wake_.notify_one();
  writer_.join();
}

void Committer::submit(Upload upload, std::function<void(CommitOutcome)> done) {
  {
    const std::lock_guard lock{mutex_};
    Waiting waiting{std::move(upload), std::move(done), false};
    if (queued_bytes_ + waiting.upload.encoded.size() > options_.queue_bytes) {
      waiting.over_queue = true;
      waiting.upload.encoded = std::string{};
    }
    queued_bytes_ += waiting.upload.encoded.size();
    queue_.push_back(std::move(waiting));
  }
  wake_.notify_one();
}

Result<Ok, IoError> Committer::run_between_commits(std::function<Result<Ok, IoError>()> work) {
  std::future<Result<Ok, IoError>> result;
  {
    const std::lock_guard lock{mutex_};
    tasks_.push_back(Task{std::move(work), {}});
    result = tasks_.back().result.get_future();
  }
  wake_.notify_one();
  return result.get();
}

StoreState Committer::state() const {
  const std::lock_guard lock{mutex_};
  return state_;
}

void Committer::run() {
  std::vector<Waiting> taken;
  for (;;) {
    switch (next(taken)) {
      case Step::plan:
        plan(taken);
        break;
      case Step::hand_over:
        hand_over();
        break;
      case Step::give_up:
        give_up();
        break;
      case Step::work:
        work();
        break;
      case Step::probe:
        probe();
        break;
      case Step::stop:
        return;
    }
  }
}

// next waits until there is something to do, and takes from the queue what is to be planned.
Committer::Step Committer::next(std::vector<Waiting>& taken) {
  std::unique_lock lock{mutex_};
  for (;;) {
    if (const auto step = choose(taken)) {
      return *step;
    }
    if (const auto until = wake_at()) {
      wake_.wait_until(lock, *until);
    } else {
      wake_.wait(lock);
    }
  }
}

// choose decides under the lock; nullopt: there is nothing to do yet.
std::optional<Committer::Step> Committer::choose(std::vector<Waiting>& taken) {
  if (std::exchange(failed_, false)) {
    return Step::give_up;
  }
  if (!writing_ && open_.empty()) {
    if (!tasks_.empty()) {
      return Step::work;
    }
    if (!state_.accepting && Steady::now() >= probe_at_) {
      return Step::probe;
    }
    if (stopping_ && queue_.empty()) {
      return Step::stop;
    }
  }
  if (!writing_ && !open_.empty() && is_enough()) {
    return Step::hand_over;
  }
  // A task waits for the open group to be written: it must not grow for ever.
  if (!queue_.empty() && tasks_.empty() && open_bytes_ < options_.gather_bytes) {
    take_some(taken);
    return Step::plan;
  }
  return std::nullopt;
}

// is_enough says whether the open group may be written now. One upload alone waits a little for
// company, which costs next to nothing in the same sync.
bool Committer::is_enough() const {
  return open_.size() > 1 || open_bytes_ >= options_.gather_bytes || stopping_ || !tasks_.empty() ||
         !state_.accepting || Steady::now() >= open_until_;
}

// wake_at is the time at which something is due without anybody's doing.
std::optional<Committer::Steady::time_point> Committer::wake_at() const {
  if (writing_) {
    return std::nullopt;  // the writer wakes us
  }
  if (!open_.empty()) {
    return open_until_;
  }
  return state_.accepting ? std::nullopt : std::optional{probe_at_};
}

void Committer::take_some(std::vector<Waiting>& taken) {
  taken.clear();
  std::size_t bytes = open_bytes_;
  while (!queue_.empty() && taken.size() < kPlannedAtOnce &&
         (taken.empty() || bytes < options_.gather_bytes)) {
    const std::size_t size = queue_.front().upload.encoded.size();
    bytes += size;
    queued_bytes_ -= size;
    taken.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_gauge_.set(static_cast<std::int64_t>(queued_bytes_));
}

void Committer::plan(std::vector<Waiting>& taken) {
  if (open_.empty()) {
    open_until_ = Steady::now() + options_.gather;
  }
  bool able = may_write();
  for (Waiting& waiting : taken) {
    Answer answer{std::move(waiting.done), CommitOutcome::unavailable};
    if (able && !waiting.over_queue) {
      if (const auto outcome = planner_.plan(waiting.upload)) {
        answer.outcome = *outcome;
      } else {
        stop_accepting(outcome.error().text());
        able = false;
      }
    }
    open_bytes_ += waiting.upload.encoded.size();
    open_.push_back(std::move(answer));
  }
  taken.clear();
}

void Committer::hand_over() {
  Group group{std::exchange(open_, {}), planner_.take()};
  open_bytes_ = 0;
  {
    const std::lock_guard lock{mutex_};
    handed_ = std::move(group);
    writing_ = true;
  }
  writer_wake_.notify_one();
}

// give_up refuses the open group: it was planned on top of a write that failed.
void Committer::give_up() {
  planner_.forget();
  for (Answer& answer : open_) {
    answer.outcome = CommitOutcome::unavailable;
  }
}

void Committer::work() {
  std::optional<Task> task;
  {
    const std::lock_guard lock{mutex_};
    task = std::move(tasks_.front());
    tasks_.pop_front();
  }
  task->result.set_value(database_.is_open() ? task->work()
                                             : Result<Ok, IoError>{Failure{database_.closed()}});
}

bool Committer::may_write() {
  const PosixFileSystem files;
  const auto free = files.free_bytes(database_.path());
  if (!free) {
    stop_accepting(free.error().text());
    return false;
  }
  free_gauge_.set(static_cast<std::int64_t>(*free));
  bool accepting = true;
  {
    const std::lock_guard lock{mutex_};
    state_.free_bytes = *free;
    accepting = state_.accepting;
  }
  if (accepting && *free < options_.reserve_bytes) {
    stop_accepting("the disk is full: less than " + std::to_string(options_.reserve_bytes >> 20) +
                   " MiB are free");
    return false;
  }
  return accepting;
}

// probe asks a refusing disk whether it takes data again. Nothing is being written meanwhile.
void Committer::probe() {
  {
    const std::lock_guard lock{mutex_};
    probe_at_ = Steady::now() + options_.probe_pause;
  }
  const PosixFileSystem files;
  const auto free = files.free_bytes(database_.path());
  if (!free || *free < options_.reserve_bytes) {
    return;
  }
  if (database_.recover()) {
    planner_.forget();
    accept_again();
  }
}

void Committer::write_groups() {
  for (;;) {
    Group group;
    {
      std::unique_lock lock{mutex_};
      writer_wake_.wait(lock, [&] { return handed_.has_value() || writer_stops_; });
      if (!handed_) {
        return;
      }
      group = *std::exchange(handed_, std::nullopt);
    }
    const bool written = group.write.empty || write(group.write);
    {
      const std::lock_guard lock{mutex_};
      writing_ = false;
      failed_ = !written;
    }
    // Answering takes a while too: the next group is handed over meanwhile.
    wake_.notify_one();
    for (Answer& answer : group.answers) {
      const CommitOutcome outcome = written ? answer.outcome : CommitOutcome::unavailable;
      counted_.add(outcome);
      answer.done(outcome);
    }
  }
}

// write is true once all of it is on disk.
bool Committer::write(PlannedWrite& write) {
  const std::size_t size = write.changes.GetDataSize();
  const auto begun = Steady::now();
  const auto written = database_.write(write.changes, true);
  const auto took = Steady::now() - begun;
  if (!written) {
    doubtful_.insert(doubtful_.end(), write.tokens.begin(), write.tokens.end());
    stop_accepting(written.error().text());
    return false;
  }
  commits_.add();
  commit_bytes_.add(size);
  commit_microseconds_.add(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  counted_.add(write.facts);
  if (!write.tokens.empty() && options_.on_unknowns) {
    options_.on_unknowns(write.tokens);
  }
  return true;
}

void Committer::stop_accepting(std::string reason) {
  const std::lock_guard lock{mutex_};
  if (state_.accepting) {
    log::error("store.refusing", {{"reason", reason}});
    probe_at_ = Steady::now() + options_.probe_pause;
  }
  state_.accepting = false;
  state_.reason = std::move(reason);
  accepting_gauge_.set(0);
}

void Committer::accept_again() {
  if (!doubtful_.empty() && options_.on_unknowns) {
    options_.on_unknowns(std::exchange(doubtful_, {}));
  }
  const std::lock_guard lock{mutex_};
  log::info("store.accepting_again", {{"queued_bytes", queued_bytes_}});
  state_.accepting = true;
  state_.reason.clear();
  accepting_gauge_.set(1);
}

}  // namespace gnomon::store
