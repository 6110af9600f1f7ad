// UnknownList: the domains outside the catalogue that may be shown, for pages, digest and API.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collector/rollup/calendar.h"
#include "collector/storage/meta_store.h"
#include "collector/storage/snapshot.h"
#include "core/clock.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

class RulePack;

// PackNow yields the rules in use; it may be empty, and yield nothing.
using PackNow = std::function<std::shared_ptr<const RulePack>()>;

// UnknownDomainRow is one domain as of the end of a week. Days are those of the devices (UTC).
struct UnknownDomainRow {
  std::string domain;
  std::uint32_t devices = 0;      // that have met it so far; never fewer than were needed to ask
  std::uint32_t devices_new = 0;  // of them, that met it first in the week
  bool seen = false;              // some device met it in the week
  Day first;                      // the first day any of them met it
  Day last;                       // the last one that was reported
  WallTime revealed;

  bool operator==(const UnknownDomainRow&) const = default;
};

struct UnknownsAnswer {
  Week week;
  WallTime asked;
  std::vector<UnknownDomainRow> rows;  // most devices first, then by name
};

// UnknownList reads what Unknowns revealed and counts its devices anew. Left out: what the
// catalogue has come to know, and what too few devices hold by now. Source, store and clock must
// outlive it. Safe from every thread; blocks on the disk.
class UnknownList {
 public:
  UnknownList(const SnapshotSource& source, MetaStore& store, PackNow pack, const Clock& clock)
      : source_(source), store_(store), pack_(std::move(pack)), clock_(clock) {}

  Result<UnknownsAnswer, IoError> week(Week week) const;

 private:
  const SnapshotSource& source_;
  MetaStore& store_;
  PackNow pack_;
  const Clock& clock_;
};

// next_step is the command that begins a catalogue entry for the domain.
std::string next_step(const std::string& domain);

}  // namespace gnomon
