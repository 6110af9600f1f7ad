// Planner: what becomes of uploads, and what one write will hold.

#pragma once

#include <rocksdb/write_batch.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/admit/admit.h"
#include "collector/store/commit_facts.h"
#include "collector/store/database.h"
#include "collector/store/store.h"
#include "collector/store/tally.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon::store {

// PlannedWrite is one commit: batches, totals and cursors, to be written as a whole.
struct PlannedWrite {
  bool empty = true;  // no cursor moves: there is nothing to write
  rocksdb::WriteBatch changes = rocksdb::WriteBatch{};
  CommitFacts facts;
  std::vector<TokenId> tokens;  // of unknown domains that it tells about
};

// Planner judges uploads by their agents' cursors, decodes them and adds them up.
//
// It goes ahead of the disk: every plan stands on the plans taken before it, as if they were
// written. When one of them could not be written, forget() takes everything back that is not on
// disk. One thread; the database must outlive it.
class Planner {
 public:
  Planner(const StoreOptions& options, const Database& database);

  // plan says what will have become of the upload when the plan is written, never `unavailable`.
  // On failure the agent's cursor could not be read, and nothing is planned of this upload.
  Result<CommitOutcome, IoError> plan(const Upload& upload);

  // take yields what was planned since the last time.
  PlannedWrite take();

  void forget();

 private:
  // Known is the cursor of an agent seen since the start, as planned; nullopt: none is stored.
  struct Known {
    std::optional<Cursor> cursor;
    bool moved = false;  // by the plan that was not taken yet
  };
  using KnownAgents = std::unordered_map<std::string, Known>;

  Result<KnownAgents::value_type*, IoError> known(const std::string& agent);

  const Database& database_;
  Admit admit_;
  Tally tally_;
  KnownAgents known_;
  std::vector<KnownAgents::value_type*> moved_;
  PlannedWrite open_;
};

}  // namespace gnomon::store
