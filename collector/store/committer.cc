#include "collector/store/committer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "collector/store/keys.h"
#include "core/file.h"
#include "core/log.h"

namespace gnomon::store {
namespace {

constexpr std::string_view kProbeKey = "probe";

// Reasons that agents of ours give. A stranger's words are no labels: they count as "other".
constexpr std::array<std::string_view, 8> kGapReasons{
    "spool-full",      "spool-expired", "record-damaged", "retention-passed",
    "window-overflow", "contact-unfit", "batch-refused",  "other"};

Counter& outcome_counter(Counters& counters, std::string_view outcome) {
  return counters.counter("store_uploads_total", "Uploads by what became of them",
                          {{"outcome", outcome}});
}

Counter& refused_counter(Counters& counters, wire::WireError reason) {
  return counters.counter("admit_refused_total", "Uploads that could not be decoded, by reason",
                          {{"reason", wire::to_string(reason)}});
}

}  // namespace

Committer::Committer(const StoreOptions& options, const Database& database, Clock& clock,
                     Counters& counters)
    : options_(options),
      database_(database),
      clock_(clock),
      admit_(options.admit, counters),
      stored_(outcome_counter(counters, "stored")),
      repeated_(outcome_counter(counters, "repeated")),
      out_of_order_(outcome_counter(counters, "out-of-order")),
      refused_(outcome_counter(counters, "refused")),
      unavailable_(outcome_counter(counters, "unavailable")),
      refused_truncated_(refused_counter(counters, wire::WireError::truncated)),
      refused_malformed_(refused_counter(counters, wire::WireError::malformed)),
      refused_over_limit_(refused_counter(counters, wire::WireError::over_limit)),
      contacts_(counters.counter("store_contacts_total", "Contacts stored")),
      commits_(counters.counter("store_commits_total", "Synced writes of gathered uploads")),
      commit_bytes_(counters.counter("store_commit_bytes_total", "Bytes handed to those writes")),
      commit_microseconds_(counters.counter("store_commit_microseconds_total",
                                            "Time spent in those writes, syncing included")),
      accepting_gauge_(counters.gauge("store_accepting", "1 while uploads can be stored")),
      queued_gauge_(counters.gauge("store_queued_bytes", "Uploads waiting for a commit")),
      free_gauge_(counters.gauge("store_free_bytes", "Free room where the store lies")),
      tally_(options.calendar) {
  for (const std::string_view reason : kGapReasons) {
    gaps_.push_back(
        {reason,
         &counters.counter("store_gaps_total", "Losses that agents declared, by reason",
                           {{"reason", reason}}),
         &counters.counter("store_gap_contacts_total", "Contacts that those count, as far as known",
                           {{"reason", reason}})});
  }
  accepting_gauge_.set(1);
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
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
  for (;;) {
    Group group = gather();
    if (group.task) {
      group.task->result.set_value(group.task->work());
    }
    if (!group.uploads.empty()) {
      commit(group.uploads);
    } else if (!group.task && !group.stop) {
      probe();
    }
    if (group.stop) {
      return;
    }
  }
}

// gather waits for uploads, or, while the disk refuses, for the time of the next probe.
Committer::Group Committer::gather() {
  Group group;
  std::unique_lock lock{mutex_};
  const auto something = [&] { return stopping_ || !queue_.empty() || !tasks_.empty(); };
  if (state_.accepting) {
    wake_.wait(lock, something);
  } else {
    wake_.wait_for(lock, options_.probe_pause, something);
  }
  // What came in while the last commit was syncing is a group already; a first upload alone waits
  // a little for company, since company costs next to nothing in the same sync.
  if (state_.accepting && queue_.size() == 1 && tasks_.empty()) {
    wake_.wait_for(lock, options_.gather, [&] {
      return stopping_ || !tasks_.empty() || queued_bytes_ >= options_.gather_bytes;
    });
  }
  if (!tasks_.empty()) {
    group.task = std::make_unique<Task>(std::move(tasks_.front()));
    tasks_.pop_front();
  }
  while (!queue_.empty() && (group.uploads.empty() || group.bytes < options_.gather_bytes)) {
    const std::size_t size = queue_.front().upload.encoded.size();
    group.bytes += size;
    queued_bytes_ -= size;
    group.uploads.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_gauge_.set(static_cast<std::int64_t>(queued_bytes_));
  group.stop = stopping_ && queue_.empty() && tasks_.empty();
  return group;
}

void Committer::commit(std::vector<Waiting>& uploads) {
  Cursors moved;
  rocksdb::WriteBatch batch;
  std::vector<CommitOutcome> outcomes;
  outcomes.reserve(uploads.size());
  bool able = may_write();
  for (const Waiting& waiting : uploads) {
    outcomes.push_back(able && !waiting.over_queue ? plan(waiting.upload, moved, batch)
                                                   : CommitOutcome::unavailable);
  }
  if (!moved.empty()) {
    for (const auto& [agent, cursor] : moved) {
      static_cast<void>(batch.Put(database_.family(Family::cursors), slice(cursor_key(agent)),
                                  slice(cursor_value(cursor))));
    }
    const std::vector<TokenId> tokens = tally_.tokens();
    tally_.write(database_, batch);
    const MonotonicTime begin = clock_.monotonic();
    const auto written = database_.write(batch, true);
    const auto took = clock_.monotonic() - begin;
    able = written.has_value();
    if (written) {
      commits_.add();
      commit_bytes_.add(batch.GetDataSize());
      commit_microseconds_.add(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
      for (auto& [agent, cursor] : moved) {
        cursors_[agent] = cursor;
      }
      if (!tokens.empty() && options_.on_unknowns) {
        options_.on_unknowns(tokens);
      }
    } else {
      stop_accepting(written.error().text());
      cursors_.clear();
    }
  }
  for (std::size_t i = 0; i < uploads.size(); ++i) {
    // What was planned on top of a failed write never happened, repeats of it included.
    if (!able && moved.count(uploads[i].upload.id.agent) != 0) {
      outcomes[i] = CommitOutcome::unavailable;
    }
    count(outcomes[i]);
    uploads[i].done(outcomes[i]);
  }
}

// plan decides what becomes of one upload and adds its part to `batch` and the tally. `moved` holds
// the cursors that this commit will leave behind.
CommitOutcome Committer::plan(const Upload& upload, Cursors& moved, rocksdb::WriteBatch& batch) {
  const auto cursor = cursor_of(upload.id.agent, moved);
  if (!cursor) {
    stop_accepting(cursor.error().text());
    return CommitOutcome::unavailable;
  }
  const bool same_epoch = cursor->has_value() && (*cursor)->epoch == upload.id.epoch;
  if (cursor->has_value() && (upload.id.epoch < (*cursor)->epoch ||
                              (same_epoch && upload.id.sequence <= (*cursor)->sequence))) {
    return CommitOutcome::repeated;
  }
  const std::uint64_t wanted = same_epoch ? (*cursor)->sequence + 1 : 1;
  if (upload.first_sequence != wanted || upload.id.sequence < upload.first_sequence) {
    return CommitOutcome::out_of_order;
  }

  moved[upload.id.agent] = Cursor{upload.id.epoch, upload.id.sequence};
  BatchRecord record{false, upload.received, upload.first_sequence, upload.encoded};
  const auto admitted = admit_.admit(upload);
  if (admitted) {
    tally_.add(*admitted);
    contacts_.add(admitted->batch.contacts.size());
    count(admitted->batch.gaps);
  } else {
    tally_.add_refused(upload);
    count(std::vector<Gap>{Gap{{}, {}, "batch-refused", 0, 0, 0}});
    record.refused = true;
    record.encoded = {};
    switch (admitted.error()) {
      case wire::WireError::truncated:
        refused_truncated_.add();
        break;
      case wire::WireError::malformed:
        refused_malformed_.add();
        break;
      case wire::WireError::over_limit:
        refused_over_limit_.add();
        break;
    }
  }
  static_cast<void>(batch.Put(database_.family(Family::batches), slice(batch_key(upload.id)),
                              slice(batch_value(record))));
  return record.refused ? CommitOutcome::refused : CommitOutcome::stored;
}

Result<std::optional<Cursor>, IoError> Committer::cursor_of(const std::string& agent,
                                                            const Cursors& moved) {
  if (const auto found = moved.find(agent); found != moved.end()) {
    return std::optional{found->second};
  }
  if (const auto found = cursors_.find(agent); found != cursors_.end()) {
    return std::optional{found->second};
  }
  const auto value = database_.get(Family::cursors, cursor_key(agent));
  if (!value) {
    return Failure{value.error()};
  }
  if (!value->has_value()) {
    return std::optional<Cursor>{};
  }
  const auto cursor = parse_cursor_value(**value);
  if (!cursor) {
    return Failure{io_error("read cursor", database_.path(), rocksdb::Status::Corruption())};
  }
  cursors_[agent] = *cursor;
  return cursor;
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
  if (*free < options_.reserve_bytes) {
    stop_accepting("the disk is full: less than " + std::to_string(options_.reserve_bytes >> 20) +
                   " MiB are free");
    return false;
  }
  if (!accepting) {
    probe();
    const std::lock_guard lock{mutex_};
    return state_.accepting;
  }
  return true;
}

// probe asks a refusing disk with a small synced write. RocksDB recovers from a full disk by
// itself once there is room, but wants to be told to resume after other errors.
void Committer::probe() {
  {
    const std::lock_guard lock{mutex_};
    if (state_.accepting) {
      return;
    }
  }
  const PosixFileSystem files;
  const auto free = files.free_bytes(database_.path());
  if (!free || *free < options_.reserve_bytes) {
    return;
  }
  static_cast<void>(database_.db().Resume());
  rocksdb::WriteBatch batch;
  static_cast<void>(batch.Put(database_.family(Family::info), slice(kProbeKey), "1"));
  if (database_.write(batch, true)) {
    accept_again();
  }
}

void Committer::stop_accepting(std::string reason) {
  const std::lock_guard lock{mutex_};
  if (state_.accepting) {
    log::error("store.refusing", {{"reason", reason}});
  }
  state_.accepting = false;
  state_.reason = std::move(reason);
  accepting_gauge_.set(0);
}

void Committer::accept_again() {
  const std::lock_guard lock{mutex_};
  log::info("store.accepting_again", {{"queued_bytes", queued_bytes_}});
  state_.accepting = true;
  state_.reason.clear();
  accepting_gauge_.set(1);
}

void Committer::count(const std::vector<Gap>& gaps) {
  for (const Gap& gap : gaps) {
    auto found = std::find_if(gaps_.begin(), gaps_.end(), [&](const GapCounters& counters) {
      return counters.reason == gap.reason;
    });
    found = found == gaps_.end() ? std::prev(found) : found;
    found->times->add();
    found->contacts->add(gap.contacts);
  }
}

void Committer::count(CommitOutcome outcome) {
  switch (outcome) {
    case CommitOutcome::stored:
      stored_.add();
      break;
    case CommitOutcome::repeated:
      repeated_.add();
      break;
    case CommitOutcome::out_of_order:
      out_of_order_.add();
      break;
    case CommitOutcome::refused:
      refused_.add();
      break;
    case CommitOutcome::unavailable:
      unavailable_.add();
      break;
  }
}

}  // namespace gnomon::store
