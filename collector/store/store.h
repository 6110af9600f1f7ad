// Store: everything durable of a collector, in one folder.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/admit/admit.h"
#include "collector/ingest/upload.h"
#include "collector/rollup/calendar.h"
#include "collector/rollup/totals.h"
#include "collector/storage/meta_store.h"
#include "collector/storage/snapshot.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/result.h"

namespace rocksdb {
class Env;
}

namespace gnomon {

struct StoreOptions {
  std::string directory;   // made when it is missing
  bool read_only = false;  // nothing is written; works beside a running collector
  bool sample = false;     // mark a new store as holding the sample week
  AdmitLimits admit;
  // The days that totals count, and its name as stored ("UTC", "Europe/Berlin", "local"). Totals
  // are rebuilt when a store is opened with another name.
  Calendar calendar = Calendar::local();
  std::string zone = "local";

  // One commit gathers what arrives within `gather` of its first upload, at most `gather_bytes`.
  std::chrono::milliseconds gather{5};
  std::size_t gather_bytes = std::size_t{4} << 20;
  // Uploads waiting for a commit; more are `unavailable`. Sixteen full commits.
  std::size_t queue_bytes = std::size_t{64} << 20;
  // Committing stops while less than this is free: deleting and compacting need room themselves.
  std::uint64_t reserve_bytes = std::uint64_t{64} << 20;
  // While the disk refuses, so often is it asked again.
  std::chrono::milliseconds probe_pause{1000};

  // Called, on a thread of the store, with the tokens of unknown domains of each commit, after it.
  // May be empty; must not block.
  std::function<void(const std::vector<TokenId>&)> on_unknowns;

  rocksdb::Env* env = nullptr;  // tests put a file system in here that forgets unsynced data
};

enum class StoreFault : std::uint8_t {
  unreachable,   // the folder cannot be made, read or written
  busy,          // another collector has it open
  absent,        // read-only, and there is no store
  damaged,       // its files contradict each other
  newer_format,  // written by a later version
};

// StoreError says which, with one sentence for a person.
struct StoreError {
  StoreFault fault = StoreFault::unreachable;
  std::string text;
};

// StoreState is how the store fares right now, for health and pages.
struct StoreState {
  bool accepting = true;  // false: uploads are answered `unavailable`
  std::string reason;     // why not, one sentence; empty while accepting
  std::uint64_t free_bytes = 0;
};

// Retained is what retain() let go.
struct Retained {
  std::uint64_t batches = 0;
  std::uint64_t totals = 0;  // of days, health and gaps
};

// Store implements all three storage interfaces on one RocksDB (FORMAT.md).
//
// Two threads of its own commit (committer.h): they gather uploads, and write batches, totals and
// cursors of all of them in one synced atomic write before any of them is called stored. When the
// disk is full or failing it answers `unavailable`, keeps everything that is stored, and goes on by
// itself when a probe succeeds. Destroying it finishes the uploads already queued.
//
// Safe from every thread. `counters` and `clock` must outlive it.
class Store final : public UploadSink, public MetaStore, public SnapshotSource {
 public:
  static Result<std::unique_ptr<Store>, StoreError> open(StoreOptions options, Clock& clock,
                                                         Counters& counters);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() override;

  void submit(Upload upload, std::function<void(CommitOutcome)> done) override;
  Result<std::optional<Cursor>, IoError> cursor(const std::string& agent) const override;

  Result<std::optional<std::string>, IoError> get(std::string_view key) const override;
  Result<Ok, IoError> apply(const std::vector<MetaChange>& changes) override;
  Result<bool, IoError> compare_and_apply(std::string_view key,
                                          const std::optional<std::string>& expected,
                                          const std::vector<MetaChange>& changes) override;
  Result<Ok, IoError> scan(std::string_view prefix,
                           const std::function<bool(std::string_view key, std::string_view value)>&
                               visit) const override;

  std::unique_ptr<Snapshot> snapshot() const override;

  StoreState state() const;

  // rebuild throws all totals away and makes them again from the stored batches, between two
  // commits. A crash in the middle is noticed and made good when the store is opened again.
  Result<Ok, IoError> rebuild();

  // retain lets leave what is older than `days` (0: nothing ever does): batches received before
  // that, and the totals of those days. The days are counted back from today or from the newest
  // receipt, whichever is earlier: a clock that jumps ahead empties no store, and one that nobody
  // reports to keeps what it has. The lives of tools and agents stay, and the cursors: what an
  // agent sends again is a repeat for ever. Works in small steps between commits.
  Result<Retained, IoError> retain(std::uint32_t days);

  // checkpoint makes a consistent copy in `directory`, which must not exist, while committing
  // goes on. It can be opened like any store.
  Result<Ok, IoError> checkpoint(const std::string& directory) const;

  // visit_batches shows every stored batch in the order of agents, epochs and sequences. For
  // audits and tests.
  Result<Ok, IoError> visit_batches(
      const std::function<bool(const Upload& upload, bool refused)>& visit) const;

 private:
  class Body;
  explicit Store(std::unique_ptr<Body> body);

  std::unique_ptr<Body> body_;
};

}  // namespace gnomon
