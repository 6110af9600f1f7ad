// Snapshot: all totals as they stood at one moment.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "collector/rollup/calendar.h"
#include "collector/rollup/totals.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// StoreFacts are what a store says about itself.
struct StoreFacts {
  bool sample = false;  // filled with the recorded sample week, not with a company's own contacts
  Calendar calendar = Calendar::utc();  // whose days the totals count
  std::string zone;                     // its name: "Europe/Berlin"
};

// Snapshot does not change while batches are being committed: two questions to the same one agree.
// Every scan is in the byte order of its keys, ends when `visit` returns false, and fails only when
// the disk does. Names given to `visit` are borrowed. One thread at a time.
class Snapshot {
 public:
  using VisitDay = std::function<bool(Day day, std::string_view tool, std::string_view device,
                                      const DayTotal& total)>;
  using VisitTool =
      std::function<bool(std::string_view tool, std::string_view device, const ToolDevice& life)>;
  using VisitAgent = std::function<bool(std::string_view agent, const AgentTotal& total)>;
  using VisitHealth = std::function<bool(Day day, std::string_view agent, const HealthDay& total)>;
  using VisitToken =
      std::function<bool(const TokenId& token, std::string_view device, const TokenDevice& total)>;
  using VisitGap = std::function<bool(Day received, std::string_view agent, const Gap& gap)>;

  Snapshot() = default;
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  virtual ~Snapshot() = default;

  virtual StoreFacts facts() const = 0;

  // Days from `from` on, before `to`.
  virtual Result<Ok, IoError> days(Day from, Day to, const VisitDay& visit) const = 0;
  virtual Result<Ok, IoError> health(Day from, Day to, const VisitHealth& visit) const = 0;
  virtual Result<Ok, IoError> gaps(Day from, Day to, const VisitGap& visit) const = 0;

  // The lives of one tool, or of all when `tool` is empty.
  virtual Result<Ok, IoError> tools(std::string_view tool, const VisitTool& visit) const = 0;
  virtual Result<Ok, IoError> agents(const VisitAgent& visit) const = 0;

  // The devices that hold one token of an unknown domain, or those of all tokens of an epoch.
  virtual Result<Ok, IoError> token(const TokenId& token, const VisitToken& visit) const = 0;
  virtual Result<Ok, IoError> tokens(std::uint32_t epoch, const VisitToken& visit) const = 0;
};

// SnapshotSource makes them, and must outlive them. Safe from every thread.
class SnapshotSource {
 public:
  SnapshotSource() = default;
  SnapshotSource(const SnapshotSource&) = delete;
  SnapshotSource& operator=(const SnapshotSource&) = delete;
  virtual ~SnapshotSource() = default;

  virtual std::unique_ptr<Snapshot> snapshot() const = 0;
};

}  // namespace gnomon
