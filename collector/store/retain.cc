#include "collector/store/retain.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "collector/admit/admit.h"
#include "collector/store/keys.h"
#include "collector/store/tally.h"

namespace gnomon::store {
namespace {

constexpr std::string_view kHorizonKey = "horizon";

// Families whose keys begin with a day.
constexpr std::array<Family, 3> kByDay{Family::days, Family::health, Family::gaps};

// One bite: some hundred milliseconds of decoding.
constexpr std::uint64_t kBatchesAStep = 1000;

// Retiring walks the batches of one agent after the other and gathers what goes.
class Retiring {
 public:
  Retiring(const StoreOptions& options, const Database& database, Day horizon)
      : database_(database),
        admit_(options.admit),
        tally_(options.calendar),
        // A contact may lie this much behind its receipt (admit.h), so a batch that came later
        // could speak of a day that is kept.
        before_(options.calendar.begin_of(horizon) - options.admit.max_ahead) {}

  // take looks at one stored value; false: this bite is full, and ends before it.
  bool take(std::string_view key, std::string_view value) {
    auto id = parse_batch_key(key);
    if (!id) {
      damaged_ = true;
      return false;
    }
    if (id->agent != agent_) {
      close_agent();
      if (step_.batches >= kBatchesAStep) {
        step_.next = std::string{key};
        return false;
      }
      agent_ = id->agent;
      keeps_ = false;
    }
    if (keeps_) {
      return true;
    }
    if (is_carried(*id)) {
      damaged_ = !tally_.add_carried(value);
      return !damaged_;
    }
    const auto record = parse_batch_value(value);
    if (!record) {
      damaged_ = true;
      return false;
    }
    if (record->received >= before_) {
      keeps_ = true;  // and all behind it: what is carried must be a first part
      return true;
    }
    if (gone_ >= kBatchesAStep) {
      // Of one agent with a long history: the rest is for the next bite, from the front again.
      close_agent();
      step_.next = batch_key({agent_, 0, 0});
      return false;
    }
    retire(*std::move(id), *record, key);
    return true;
  }

  Result<RetainStep, IoError> finish() {
    if (damaged_) {
      return Failure{io_error("read batch", database_.path(), rocksdb::Status::Corruption())};
    }
    close_agent();
    if (step_.batches > 0) {
      if (const auto written = database_.write(changes_, true); !written) {
        return Failure{written.error()};
      }
    }
    return std::move(step_);
  }

 private:
  void retire(BatchId id, const BatchRecord& record, std::string_view key) {
    const Upload upload{std::move(id), record.first_sequence, record.received,
                        std::string{record.encoded}};
    const auto admitted = admit_.admit(upload);
    if (admitted && !record.refused) {
      tally_.add(*admitted);
    } else {
      tally_.add_refused(upload);
    }
    static_cast<void>(changes_.Delete(database_.family(Family::batches), slice(key)));
    ++gone_;
  }

  void close_agent() {
    if (gone_ > 0) {
      static_cast<void>(changes_.Put(database_.family(Family::batches),
                                     slice(batch_key({agent_, 0, 0})), slice(tally_.carried())));
    }
    tally_.clear();
    step_.batches += gone_;
    gone_ = 0;
  }

  const Database& database_;
  Admit admit_;
  Tally tally_;
  WallTime before_;
  std::string agent_;
  bool keeps_ = false;  // this agent's further batches stay
  bool damaged_ = false;
  std::uint64_t gone_ = 0;  // of this agent
  rocksdb::WriteBatch changes_;
  RetainStep step_;
};

}  // namespace

Result<std::optional<Day>, IoError> stored_horizon(const Database& database) {
  const auto value = database.get(Family::info, kHorizonKey);
  if (!value) {
    return Failure{value.error()};
  }
  std::int32_t number = 0;
  if (!value->has_value() ||
      std::from_chars((*value)->data(), (*value)->data() + (*value)->size(), number).ec !=
          std::errc{}) {
    return std::optional<Day>{};
  }
  return std::optional{Day{number}};
}

Result<RetainStep, IoError> retire_batches(const StoreOptions& options, const Database& database,
                                           Day horizon, const std::string& from) {
  Retiring retiring{options, database, horizon};
  auto scanned = database.scan_range(
      Family::batches, from, {}, nullptr,
      [&](std::string_view key, std::string_view value) { return retiring.take(key, value); });
  if (!scanned) {
    return Failure{scanned.error()};
  }
  return retiring.finish();
}

Result<std::uint64_t, IoError> retire_totals(const Database& database, Day horizon) {
  std::uint64_t removed = 0;
  rocksdb::WriteBatch changes;
  const std::string begin = day_prefix(Day{0});
  const std::string end = day_prefix(horizon);
  for (const Family family : kByDay) {
    auto counted = database.scan_range(family, begin, end, nullptr,
                                       [&](std::string_view /*key*/, std::string_view /*value*/) {
                                         ++removed;
                                         return true;
                                       });
    if (!counted) {
      return Failure{counted.error()};
    }
    static_cast<void>(changes.DeleteRange(database.family(family), slice(begin), slice(end)));
  }
  // Tokens leave by the epoch, once all of it lies before the horizon. In the epoch that the
  // horizon cuts, a rebuild may count fewer devices than were counted when they told: never more.
  const std::string tokens_end =
      epoch_prefix(epoch_at(WallTime{std::chrono::days{horizon.number}}));
  static_cast<void>(changes.DeleteRange(database.family(Family::unknowns), slice(epoch_prefix(0)),
                                        slice(tokens_end)));
  static_cast<void>(changes.Put(database.family(Family::info), slice(kHorizonKey),
                                slice(std::to_string(horizon.number))));
  if (const auto written = database.write(changes, true); !written) {
    return Failure{written.error()};
  }
  return removed;
}

Result<std::optional<Day>, IoError> newest_receipt(const StoreOptions& options,
                                                   const Database& database) {
  std::optional<WallTime> newest;
  bool damaged = false;
  auto scanned = database.scan(Family::agents, {}, nullptr,
                               [&](std::string_view /*key*/, std::string_view value) {
                                 const auto total = decode_agent_total(bytes_of(value));
                                 damaged = !total;
                                 if (total && (!newest || total->last_received > *newest)) {
                                   newest = total->last_received;
                                 }
                                 return !damaged;
                               });
  if (!scanned) {
    return Failure{scanned.error()};
  }
  if (damaged) {
    return Failure{io_error("read", database.path(), rocksdb::Status::Corruption())};
  }
  return newest ? std::optional{options.calendar.day_of(*newest)} : std::nullopt;
}

}  // namespace gnomon::store
