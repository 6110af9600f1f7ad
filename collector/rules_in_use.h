// RulesInUse: the catalogue with the company's own rules over it, and everything that follows them.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "collector/config.h"
#include "collector/own_rules.h"
#include "collector/rules.h"
#include "core/catalog/rule_pack.h"
#include "core/clock.h"
#include "core/file.h"

namespace gnomon {

class IngestServer;
class Query;
class Review;

// RulesInUse has answers, standings and agents follow an overlay as soon as it is taken. open,
// then follow and offer before other threads ask; the rest is safe from every thread. All it is
// given must outlive it.
class RulesInUse {
 public:
  RulesInUse(FileSystem& files, const Clock& clock, const Config& config)
      : files_(files), clock_(clock), config_(config) {}

  // open_catalogue opens the installed pack; that there is none is logged. open_own opens the
  // company's own rules over it, once the data folder is ours; without a catalogue there are none.
  // A file that is wrong stops nothing: the overlay before it stays in use, and the log and `gnomon
  // admin overlay show` say why. Each yields a sentence when the collector cannot start.
  std::optional<std::string> open_catalogue();
  std::optional<std::string> open_own();

  std::shared_ptr<const RulePack> now() const;        // null without a catalogue
  OwnRules* own() const { return own_rules_.get(); }  // likewise

  // followed_by has answers and standings follow from now on; offer_to offers agents what is in use
  // and, from now on, each new overlay.
  void followed_by(Query& query, Review& review);
  void offer_to(IngestServer& ingest);

  // read_file and replace_keys are those of OwnRules, and what follows from them. Blocks: on a pool
  // thread. Without a catalogue they do nothing.
  Reading read_file();
  Reading replace_keys();

 private:
  Reading follow(Reading reading);
  void follow_list_in_use();
  void offer_overlay();

  FileSystem& files_;
  const Clock& clock_;
  const Config& config_;
  OfferedRules catalogue_;
  std::unique_ptr<OwnRules> own_rules_;  // absent without a catalogue
  Query* query_ = nullptr;               // absent until they follow
  Review* review_ = nullptr;
  IngestServer* ingest_ = nullptr;
};

}  // namespace gnomon
