#include "collector/store/store.h"

#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "collector/store/committer.h"
#include "collector/store/database.h"
#include "collector/store/keys.h"
#include "collector/store/rebuild.h"
#include "collector/store/retain.h"
#include "collector/store/snapshot.h"
#include "core/check.h"
#include "core/log.h"

namespace gnomon {
namespace {

using store::Database;
using store::Family;
using store::slice;

constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kFormat = "1";
constexpr std::string_view kSampleKey = "sample";
constexpr std::string_view kZoneKey = "zone";

StoreError unreadable(const IoError& error) {
  return {StoreFault::unreachable, error.text()};
}

// begin_new writes what a store says about itself when there is nothing in it yet.
Result<Ok, IoError> begin_new(const StoreOptions& options, const Database& database) {
  rocksdb::WriteBatch batch;
  auto* info = database.family(Family::info);
  static_cast<void>(batch.Put(info, slice(kFormatKey), slice(kFormat)));
  if (options.sample) {
    static_cast<void>(batch.Put(info, slice(kSampleKey), "1"));
  }
  return database.write(batch, true);
}

Result<Ok, IoError> write_changes(const Database& database,
                                  const std::vector<MetaChange>& changes) {
  const Database::Pin pin{database};
  if (!pin) {
    return Failure{database.closed()};
  }
  rocksdb::WriteBatch batch;
  auto* meta = database.family(Family::meta);
  for (const MetaChange& change : changes) {
    if (change.value) {
      static_cast<void>(batch.Put(meta, slice(change.key), slice(*change.value)));
    } else {
      static_cast<void>(batch.Delete(meta, slice(change.key)));
    }
  }
  return database.write(batch, true);
}

// due_horizon is the first day that `days` of keeping leave; nullopt when nothing is to leave.
Result<std::optional<Day>, IoError> due_horizon(const StoreOptions& options,
                                                const Database& database, WallTime now,
                                                std::uint32_t days) {
  const Database::Pin pin{database};
  const auto newest = store::newest_receipt(options, database);
  const auto before = store::stored_horizon(database);
  if (!newest || !before) {
    return Failure{newest ? before.error() : newest.error()};
  }
  if (days == 0 || !*newest) {
    return std::optional<Day>{};
  }
  const Day today = options.calendar.day_of(now);
  const Day horizon = std::min(today, **newest).plus(-static_cast<std::int32_t>(days));
  return *before && horizon <= **before ? std::optional<Day>{} : std::optional{horizon};
}

}  // namespace

class Store::Body {
 public:
  Body(StoreOptions options, std::unique_ptr<Database> database, StoreFacts facts)
      : options_(std::move(options)), database_(std::move(database)), facts_(std::move(facts)) {}

  void start(Clock& clock, Counters& counters) {
    clock_ = &clock;
    retired_batches_ = &counters.counter("store_retired_batches_total",
                                         "Batches that left the store for their age");
    retired_totals_ = &counters.counter("store_retired_totals_total",
                                        "Totals of days, health and gaps that left for their age");
    committer_ = std::make_unique<store::Committer>(options_, *database_, counters);
  }

  const StoreOptions& options() const { return options_; }
  const Database& database() const { return *database_; }
  const StoreFacts& facts() const { return facts_; }
  store::Committer* committer() { return committer_.get(); }
  std::mutex& meta_mutex() { return meta_mutex_; }
  Clock& clock() const { return *clock_; }

  void count(const Retained& retained) {
    retired_batches_->add(retained.batches);
    retired_totals_->add(retained.totals);
  }

 private:
  StoreOptions options_;
  std::unique_ptr<Database> database_;
  StoreFacts facts_;
  // Null when it was opened for reading only.
  Clock* clock_ = nullptr;
  Counter* retired_batches_ = nullptr;
  Counter* retired_totals_ = nullptr;
  std::mutex meta_mutex_;  // held from comparing to writing, so that nothing comes between
  std::unique_ptr<store::Committer> committer_;  // last: its thread uses all the others
};

Store::Store(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>, StoreError> Store::open(StoreOptions options, Clock& clock,
                                                       Counters& counters) {
  auto opened = Database::open(options);
  if (!opened) {
    return Failure{opened.error()};
  }
  const Database& database = **opened;
  const auto format = database.get(Family::info, kFormatKey);
  if (!format) {
    return Failure{unreadable(format.error())};
  }
  if (format->has_value() && **format != kFormat) {
    return Failure{StoreError{StoreFault::newer_format, "the store in " + options.directory +
                                                            " was written by a later version"}};
  }
  if (!options.read_only) {
    if (!format->has_value()) {
      if (const auto begun = begin_new(options, database); !begun) {
        return Failure{unreadable(begun.error())};
      }
    }
    const auto stale = store::must_rebuild(options, database);
    if (!stale) {
      return Failure{unreadable(stale.error())};
    }
    if (*stale) {
      if (const auto rebuilt = store::rebuild_totals(options, database); !rebuilt) {
        return Failure{unreadable(rebuilt.error())};
      }
    }
  }
  const auto sample = database.get(Family::info, kSampleKey);
  const auto zone = database.get(Family::info, kZoneKey);
  if (!sample || !zone) {
    return Failure{unreadable(sample ? zone.error() : sample.error())};
  }
  StoreFacts facts{sample->has_value(), options.calendar, zone->value_or("local")};
  const bool read_only = options.read_only;
  auto body = std::make_unique<Body>(std::move(options), std::move(*opened), std::move(facts));
  if (!read_only) {
    body->start(clock, counters);
  }
  return std::unique_ptr<Store>{new Store{std::move(body)}};
}

void Store::submit(Upload upload, std::function<void(CommitOutcome)> done) {
  GNOMON_CHECK(body_->committer() != nullptr);
  body_->committer()->submit(std::move(upload), std::move(done));
}

Result<std::optional<Cursor>, IoError> Store::cursor(const std::string& agent) const {
  const Database::Pin pin{body_->database()};
  const auto value = body_->database().get(Family::cursors, store::cursor_key(agent));
  if (!value) {
    return Failure{value.error()};
  }
  if (!value->has_value()) {
    return std::optional<Cursor>{};
  }
  const auto cursor = store::parse_cursor_value(**value);
  if (!cursor) {
    return Failure{
        store::io_error("read cursor", body_->database().path(), rocksdb::Status::Corruption())};
  }
  return cursor;
}

Result<std::optional<std::string>, IoError> Store::get(std::string_view key) const {
  const Database::Pin pin{body_->database()};
  return body_->database().get(Family::meta, key);
}

Result<Ok, IoError> Store::apply(const std::vector<MetaChange>& changes) {
  const std::lock_guard lock{body_->meta_mutex()};
  return write_changes(body_->database(), changes);
}

Result<bool, IoError> Store::compare_and_apply(std::string_view key,
                                               const std::optional<std::string>& expected,
                                               const std::vector<MetaChange>& changes) {
  const std::lock_guard lock{body_->meta_mutex()};
  const auto held = get(key);
  if (!held) {
    return Failure{held.error()};
  }
  if (*held != expected) {
    return false;
  }
  if (const auto written = write_changes(body_->database(), changes); !written) {
    return Failure{written.error()};
  }
  return true;
}

Result<Ok, IoError> Store::scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  const Database::Pin pin{body_->database()};
  return body_->database().scan(Family::meta, prefix, nullptr, visit);
}

std::unique_ptr<Snapshot> Store::snapshot() const {
  return store::take_snapshot(body_->database(), body_->facts());
}

StoreState Store::state() const {
  if (body_->committer() == nullptr) {
    return StoreState{false, "opened for reading only", 0};
  }
  return body_->committer()->state();
}

Result<Ok, IoError> Store::rebuild() {
  GNOMON_CHECK(body_->committer() != nullptr);
  return body_->committer()->run_between_commits(
      [this] { return store::rebuild_totals(body_->options(), body_->database()); });
}

Result<Retained, IoError> Store::retain(std::uint32_t days) {
  GNOMON_CHECK(body_->committer() != nullptr);
  Retained sum;
  const auto due = due_horizon(body_->options(), body_->database(), body_->clock().wall(), days);
  if (!due) {
    return Failure{due.error()};
  }
  if (!*due) {
    return sum;
  }
  const Day horizon = **due;
  std::string from;
  do {
    auto done = body_->committer()->run_between_commits([&]() -> Result<Ok, IoError> {
      auto step = store::retire_batches(body_->options(), body_->database(), horizon, from);
      if (!step) {
        return Failure{step.error()};
      }
      sum.batches += step->batches;
      from = std::move(step->next);
      return Ok{};
    });
    if (!done) {
      return Failure{done.error()};
    }
  } while (!from.empty());
  auto done = body_->committer()->run_between_commits([&]() -> Result<Ok, IoError> {
    const auto totals = store::retire_totals(body_->database(), horizon);
    if (!totals) {
      return Failure{totals.error()};
    }
    sum.totals = *totals;
    return Ok{};
  });
  if (!done) {
    return Failure{done.error()};
  }
  body_->count(sum);
  log::info("store.retained", {{"batches_removed", sum.batches}, {"totals_removed", sum.totals}});
  return sum;
}

Result<Ok, IoError> Store::checkpoint(const std::string& directory) const {
  const Database::Pin pin{body_->database()};
  if (!pin) {
    return Failure{body_->database().closed()};
  }
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(&body_->database().db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> owned{made};
  if (status.ok()) {
    status = owned->CreateCheckpoint(directory);
  }
  if (!status.ok()) {
    return Failure{store::io_error("checkpoint", directory, status)};
  }
  return Ok{};
}

Result<Ok, IoError> Store::visit_batches(
    const std::function<bool(const Upload& upload, bool refused)>& visit) const {
  const Database::Pin pin{body_->database()};
  return body_->database().scan(
      Family::batches, {}, nullptr, [&](std::string_view key, std::string_view value) {
        auto id = store::parse_batch_key(key);
        const auto record = store::parse_batch_value(value);
        if (!id || !record) {
          return true;
        }
        return visit(Upload{std::move(*id), record->first_sequence, record->received,
                            std::string{record->encoded}},
                     record->refused);
      });
}

}  // namespace gnomon
