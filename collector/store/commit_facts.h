// CommitFacts: what is counted of a commit, once it is on disk.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "collector/admit/admit.h"
#include "collector/ingest/upload.h"
#include "core/counters.h"
#include "core/wire/wire_error.h"

namespace gnomon::store {

// Reasons of gaps that agents of ours give. A stranger's words are no labels: they count as the
// last one.
constexpr std::array<std::string_view, 8> kGapReasons{
    "spool-full",      "spool-expired", "record-damaged", "retention-passed",
    "window-overflow", "contact-unfit", "batch-refused",  "other"};

// CommitFacts gathers while a commit is planned. A plan whose write fails is made again from what
// agents send again: counted here first, and by CommitCounters afterwards, nothing counts twice.
struct CommitFacts {
  void add(const Admitted& admitted);
  void add_refused(wire::WireError reason);
  void add_gap(std::string_view reason, std::uint64_t lost);

  struct Gaps {
    std::uint64_t times = 0;
    std::uint64_t contacts = 0;
  };

  std::uint64_t contacts = 0;
  std::uint64_t clocks_ahead = 0;
  std::uint64_t clocks_behind = 0;
  std::uint64_t times_clamped = 0;
  std::array<std::uint64_t, 3> refused{};  // by wire::WireError
  std::array<Gaps, kGapReasons.size()> gaps{};
};

// CommitCounters are the counters behind it. Safe from every thread.
class CommitCounters {
 public:
  // `counters` must outlive it.
  explicit CommitCounters(Counters& counters);

  void add(const CommitFacts& facts);
  void add(CommitOutcome outcome);

 private:
  struct GapCounters {
    Counter* times = nullptr;
    Counter* contacts = nullptr;
  };

  std::array<Counter*, 5> outcomes_{};  // by CommitOutcome
  std::array<Counter*, 3> refused_{};   // by wire::WireError
  std::array<GapCounters, kGapReasons.size()> gaps_{};
  Counter& contacts_;
  Counter& clocks_ahead_;
  Counter& clocks_behind_;
  Counter& times_clamped_;
};

}  // namespace gnomon::store
