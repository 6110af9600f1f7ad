// Tally: the totals of a run of batches, added up in memory before they are merged.

#pragma once

#include <rocksdb/write_batch.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/admit/admit.h"
#include "collector/rollup/calendar.h"
#include "collector/rollup/totals.h"
#include "collector/store/database.h"

namespace gnomon::store {

// Tally turns thousands of contacts into a few merges: most of a commit's contacts meet again the
// tools and devices of its others. One thread.
class Tally {
 public:
  explicit Tally(Calendar calendar) : calendar_(calendar) {}

  void add(const Admitted& admitted);
  // add_refused declares the loss of a batch that could not be decoded.
  void add_refused(const Upload& upload);

  std::size_t size() const {
    return days_.size() + tools_.size() + agents_.size() + health_.size() + gaps_.size() +
           unknowns_.size();
  }

  // tokens are those of unknown domains that were added since the last write().
  std::vector<TokenId> tokens() const;

  // carried is what outlives the batches added so far: totals that belong to no day. add_carried
  // takes it in again, before any later batch; false when the bytes are no such value.
  std::string carried() const;
  bool add_carried(std::string_view value);

  void clear();

  // write appends all of it to `batch`, and is empty again.
  void write(const Database& database, rocksdb::WriteBatch& batch);

 private:
  void add_gap(const BatchId& id, WallTime received, std::uint16_t index, const Gap& gap);

  Calendar calendar_;
  std::map<std::string, DayTotal> days_;
  std::map<std::string, ToolDevice> tools_;
  std::map<std::string, AgentTotal> agents_;
  std::map<std::string, HealthDay> health_;
  std::map<std::string, std::string> gaps_;
  std::map<std::pair<TokenId, std::string>, TokenDevice> unknowns_;  // by token and device
};

}  // namespace gnomon::store
