// Sequences: follows the ordered steps that the catalogue writes for single tools.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/match/match.h"
#include "core/catalog/rule_pack.h"

namespace gnomon {

// Sequences keeps, for each user and sequence of the pack, how far it has come. Bounded by users
// times sequences in progress, at most kMaxInProgress; over it, the longest begun goes first.
class Sequences {
 public:
  static constexpr std::size_t kMaxInProgress = 4096;

  // Done says that a sequence was completed; it borrows from the pack.
  struct Done {
    std::string_view tool;
    std::string_view id;
  };

  explicit Sequences(std::shared_ptr<const RulePack> pack) { set_pack(std::move(pack)); }

  // set_pack takes another catalogue; what was in progress begins again.
  void set_pack(std::shared_ptr<const RulePack> pack);

  // forget begins every sequence again.
  void forget() { progress_.clear(); }

  // add takes one contact with a tool or family, and yields the sequences that it completes.
  std::vector<Done> add(const std::string& user, const Match& match);

 private:
  struct Progress {
    std::size_t next_step = 0;
    std::uint32_t flows = 0;
    WallTime begun;
  };
  // What is asked of the pack at every match, read once: ToolView allocates.
  struct Known {
    const Sequence* sequence = nullptr;
    std::string_view tool;
    std::optional<ToolIndex> family;
  };

  static bool step(const Sequence& sequence, const Match& match, Progress& progress);

  std::shared_ptr<const RulePack> pack_;
  std::vector<Known> known_;
  std::map<std::pair<std::string, const Sequence*>, Progress> progress_;
};

}  // namespace gnomon
