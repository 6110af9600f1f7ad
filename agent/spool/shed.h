// Shedding: what is given up first when the spool is full.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/wire/batch.h"

namespace gnomon {

// ShedLevel is the stated order. Each level gives up what the ones before it do, and more.
enum class ShedLevel : std::uint8_t {
  nothing = 0,
  detail = 1,     // lines of evidence, and health: the contacts themselves stay
  low_worth = 2,  // contacts that are no use of a tool: embedded, mentioned, content, links,
                  // assets; tokens of unknown domains
  all_but_first_sights = 3,  // every contact but the first of each tool and user, and their first
                             // likely sign-up and first integration
};
constexpr ShedLevel kLastShedLevel = ShedLevel::all_but_first_sights;

// FirstSights remembers, over one walk from the oldest batch to the newest, what was met already.
// What it says to keep is bounded by the number of tools, stages and users, not by time.
class FirstSights {
 public:
  // is_first is true once for each (tool, user) and again for their first likely sign-up and
  // first integration.
  bool is_first(const Contact& contact);

 private:
  std::set<std::pair<std::string, std::uint8_t>> met_;
};

// Reason of the gap that stands for what was shed.
constexpr const char* kSpoolFull = "spool-full";
constexpr const char* kSpoolExpired = "spool-expired";

// shed reduces `batch` to `level` and adds a gap that counts the contacts it gave up. `seen` must
// have been shown every older batch at this level. Yields how many contacts were given up.
std::size_t shed(Batch& batch, ShedLevel level, const char* reason, FirstSights& seen);

// merge_gaps makes one gap of all that share a reason: times widen, counts add up.
std::vector<Gap> merge_gaps(const std::vector<Gap>& gaps);

}  // namespace gnomon
