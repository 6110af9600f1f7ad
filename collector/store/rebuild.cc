#include "collector/store/rebuild.h"

#include "collector/admit/admit.h"
#include "collector/store/keys.h"
#include "collector/store/retain.h"
#include "collector/store/tally.h"
#include "core/log.h"

namespace gnomon::store {
namespace {

constexpr std::string_view kRebuildingKey = "rebuilding";
constexpr std::string_view kTotalsKey = "totals";
constexpr std::string_view kZoneKey = "zone";
constexpr std::string_view kTotalsFormat = "1";

// So many totals are gathered in memory before they are merged: some 30 MB.
constexpr std::size_t kMaxTallied = 50'000;

Result<Ok, IoError> clear(const Database& database, Family family) {
  // Names in keys are at most 255 bytes and days never reach 0xff000000, so this is past them all.
  const std::string end(8, '\xff');
  rocksdb::WriteBatch batch;
  static_cast<void>(batch.DeleteRange(database.family(family), rocksdb::Slice{}, slice(end)));
  return database.write(batch, true);
}

Result<Ok, IoError> mark(const Database& database, bool rebuilding, const StoreOptions& options) {
  rocksdb::WriteBatch batch;
  auto* info = database.family(Family::info);
  static_cast<void>(batch.Put(info, slice(kRebuildingKey), rebuilding ? "1" : "0"));
  static_cast<void>(batch.Put(info, slice(kTotalsKey), slice(kTotalsFormat)));
  static_cast<void>(batch.Put(info, slice(kZoneKey), slice(options.zone)));
  return database.write(batch, true);
}

}  // namespace

Result<bool, IoError> must_rebuild(const StoreOptions& options, const Database& database) {
  const auto differs = [&](std::string_view key, std::string_view wanted) -> Result<bool, IoError> {
    const auto value = database.get(Family::info, key);
    if (!value) {
      return Failure{value.error()};
    }
    return value->value_or(std::string{}) != wanted;
  };
  for (const auto& [key, wanted] :
       {std::pair<std::string_view, std::string_view>{kRebuildingKey, "0"},
        {kTotalsKey, kTotalsFormat},
        {kZoneKey, options.zone}}) {
    auto different = differs(key, wanted);
    if (!different || *different) {
      return different;
    }
  }
  return false;
}

Result<Ok, IoError> rebuild_totals(const StoreOptions& options, const Database& database) {
  if (auto marked = mark(database, true, options); !marked) {
    return marked;
  }
  for (const Family family : kTotals) {
    if (auto cleared = clear(database, family); !cleared) {
      return cleared;
    }
  }
  const Admit admit{options.admit};
  Tally tally{options.calendar};
  Result<Ok, IoError> merged{Ok{}};
  const auto flush = [&] {
    rocksdb::WriteBatch batch;
    tally.write(database, batch);
    merged = database.write(batch, false);
    return merged.has_value();
  };
  std::uint64_t batches = 0;
  auto scanned = database.scan(
      Family::batches, {}, nullptr, [&](std::string_view key, std::string_view value) {
        auto id = parse_batch_key(key);
        if (id && is_carried(*id) && tally.add_carried(value)) {
          return true;
        }
        const auto record = parse_batch_value(value);
        if (!id || !record) {
          merged = Failure{io_error("read batch", database.path(), rocksdb::Status::Corruption())};
          return false;
        }
        ++batches;
        const Upload upload{std::move(*id), record->first_sequence, record->received,
                            std::string{record->encoded}};
        // A batch that today's limits refuse was stored under yesterday's: it is declared lost.
        const auto admitted = admit.admit(upload);
        if (admitted && !record->refused) {
          tally.add(*admitted);
        } else {
          tally.add_refused(upload);
        }
        return tally.size() < kMaxTallied || flush();
      });
  if (!scanned) {
    return scanned;
  }
  if (!merged || !flush()) {
    return merged;
  }
  // Batches that came late speak of days that have left already.
  const auto horizon = stored_horizon(database);
  if (!horizon) {
    return Failure{horizon.error()};
  }
  if (*horizon) {
    if (const auto retired = retire_totals(database, **horizon); !retired) {
      return Failure{retired.error()};
    }
  }
  log::info("store.totals_rebuilt", {{"batches", batches}});
  return mark(database, false, options);
}

}  // namespace gnomon::store
