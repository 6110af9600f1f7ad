#include "collector/store/commit_facts.h"

#include <algorithm>

namespace gnomon::store {
namespace {

using wire::WireError;

constexpr std::array<std::string_view, 5> kOutcomes{"stored", "repeated", "out-of-order", "refused",
                                                    "unavailable"};
static_assert(static_cast<std::size_t>(CommitOutcome::unavailable) == kOutcomes.size() - 1);

constexpr std::array<WireError, 3> kRefusals{WireError::truncated, WireError::malformed,
                                             WireError::over_limit};

Counter& clock_counter(Counters& counters, std::string_view direction) {
  return counters.counter("admit_clock_corrected_total",
                          "Batches whose agent's clock was wrong, by direction",
                          {{"direction", direction}});
}

}  // namespace

void CommitFacts::add(const Admitted& admitted) {
  contacts += admitted.batch.contacts.size();
  clocks_ahead += admitted.clock_ahead.count() > 0 ? 1U : 0U;
  clocks_behind += admitted.clock_ahead.count() < 0 ? 1U : 0U;
  times_clamped += admitted.contacts_clamped;
  for (const Gap& gap : admitted.batch.gaps) {
    add_gap(gap.reason, gap.contacts);
  }
}

void CommitFacts::add_refused(WireError reason) {
  ++refused.at(static_cast<std::size_t>(reason));
  add_gap("batch-refused", 0);
}

void CommitFacts::add_gap(std::string_view reason, std::uint64_t lost) {
  const auto* known = std::find(kGapReasons.begin(), kGapReasons.end() - 1, reason);
  Gaps& sum = gaps.at(static_cast<std::size_t>(known - kGapReasons.begin()));
  ++sum.times;
  sum.contacts += lost;
}

CommitCounters::CommitCounters(Counters& counters)
    : contacts_(counters.counter("store_contacts_total", "Contacts stored")),
      clocks_ahead_(clock_counter(counters, "ahead")),
      clocks_behind_(clock_counter(counters, "behind")),
      times_clamped_(counters.counter("admit_contacts_clamped_total",
                                      "Contacts still after their receipt or too old, and moved to "
                                      "the nearest time that can be true")) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    outcomes_.at(i) = &counters.counter("store_uploads_total", "Uploads by what became of them",
                                        {{"outcome", kOutcomes.at(i)}});
  }
  for (const WireError reason : kRefusals) {
    refused_.at(static_cast<std::size_t>(reason)) =
        &counters.counter("admit_refused_total", "Uploads that could not be decoded, by reason",
                          {{"reason", wire::to_string(reason)}});
  }
  for (std::size_t i = 0; i < kGapReasons.size(); ++i) {
    gaps_.at(i) = {
        &counters.counter("store_gaps_total", "Losses that agents declared, by reason",
                          {{"reason", kGapReasons.at(i)}}),
        &counters.counter("store_gap_contacts_total", "Contacts that those count, as far as known",
                          {{"reason", kGapReasons.at(i)}})};
  }
}

void CommitCounters::add(const CommitFacts& facts) {
  contacts_.add(facts.contacts);
  clocks_ahead_.add(facts.clocks_ahead);
  clocks_behind_.add(facts.clocks_behind);
  times_clamped_.add(facts.times_clamped);
  for (std::size_t i = 0; i < refused_.size(); ++i) {
    refused_.at(i)->add(facts.refused.at(i));
  }
  for (std::size_t i = 0; i < gaps_.size(); ++i) {
    gaps_.at(i).times->add(facts.gaps.at(i).times);
    gaps_.at(i).contacts->add(facts.gaps.at(i).contacts);
  }
}

void CommitCounters::add(CommitOutcome outcome) {
  outcomes_.at(static_cast<std::size_t>(outcome))->add();
}

}  // namespace gnomon::store
