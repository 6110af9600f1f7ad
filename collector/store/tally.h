// Tally: the totals of a run of batches, added up in memory before they are merged.

#pragma once

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
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
  explicit Tally(Calendar calendar) : days_(calendar) {}

  void add(const Admitted& admitted);
  // add_refused declares the loss of a batch that could not be decoded.
  void add_refused(const Upload& upload);

  // size is how many totals there are.
  std::size_t size() const { return size_; }

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
  // Hash lets maps be asked with text that nobody owns.
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <typename Value>
  using ByName = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  struct OfTool {
    ToolDevice life;
    std::vector<std::pair<Day, DayTotal>> days;  // few: a batch covers minutes
  };
  // OfAgent holds one agent's totals: a batch is one agent's, so that its contacts meet here in
  // one small map, whose keys are tools alone.
  struct OfAgent {
    AgentTotal total;
    ByName<OfTool> tools;
    std::vector<std::pair<Day, HealthDay>> health;
    std::map<TokenId, TokenDevice> unknowns;
  };

  OfAgent& of_agent(std::string_view agent);
  OfTool& of_tool(OfAgent& agent, std::string_view tool);
  // of_day finds or makes the total of a day in a list of days.
  template <typename Total>
  Total& of_day(std::vector<std::pair<Day, Total>>& days, Day day);
  void add_gap(const BatchId& id, WallTime received, std::uint16_t index, const Gap& gap);

  DayFinder days_;
  ByName<OfAgent> agents_;
  std::vector<std::pair<std::string, std::string>> gaps_;  // key and value
  std::size_t size_ = 0;
};

}  // namespace gnomon::store
