// Agreeing with a collector that knows more than we do, or less.

#include <algorithm>
#include <utility>

#include "agent/spool/spool.h"
#include "core/log.h"

namespace gnomon {

Result<std::uint64_t, SpoolError> Spool::reconcile(std::uint64_t stored_epoch,
                                                   std::uint64_t stored) {
  if (stored_epoch > epoch_) {
    // Our clock was set back before the spool was wiped. Without a greater epoch every batch
    // would be taken for a repeat.
    if (const auto restarted = restart(stored_epoch + 1); !restarted) {
      return Failure{restarted.error()};
    }
    return std::uint64_t{1};
  }
  if (stored_epoch < epoch_) {
    stored = 0;
  }
  // A collector restored from a backup has less than it once acknowledged: what it lost is worth
  // as much again as what it never had.
  acknowledged_ = std::min(acknowledged_, stored);
  // Sequences beyond what we ever gave out, though the collector has them: our tail was lost
  // without a trace, and the sequences in between were used again for other batches.
  std::vector<std::pair<Record, std::string>> again;
  for (std::uint64_t at = handed_out_ + 1; at <= std::min(stored, last_sequence()); ++at) {
    auto kept = read_at(at);
    if (!kept) {
      return Failure{kept.error()};
    }
    if (*kept) {
      again.push_back(**std::move(kept));
    }
  }
  if (stored > last_sequence()) {
    next_sequence_ = stored + 1;
    if (const auto started = start_segment(); !started) {
      return Failure{started.error()};
    }
  }
  for (const auto& [record, payload] : again) {
    if (const auto stored_again = append_payload(record, payload); !stored_again) {
      return Failure{stored_again.error()};
    }
  }
  if (stored > handed_out_) {
    log::warn("spool.tail_was_lost",
              {{"stored_at_collector", stored}, {"renumbered", again.size()}});
  }
  handed_out_ = std::max(handed_out_, stored);
  acknowledge(stored);
  return stored + 1;
}

// read_at yields the record of one sequence, and its payload; nullopt when it is damaged or gone.
Result<std::optional<std::pair<Record, std::string>>, SpoolError> Spool::read_at(
    std::uint64_t sequence) {
  using Kept = std::optional<std::pair<Record, std::string>>;
  const auto segment =
      std::find_if(segments_.begin(), segments_.end(), [&](const Segment& candidate) {
        return candidate.first <= sequence && sequence <= candidate.last;
      });
  if (segment == segments_.end()) {
    return Kept{};
  }
  if (const auto loaded = load_index(*segment); !loaded) {
    return Failure{loaded.error()};
  }
  const auto found = std::find_if(index_.begin(), index_.end(), [&](const FoundRecord& candidate) {
    return candidate.record.sequence == sequence && candidate.payload_whole;
  });
  if (found == index_.end()) {
    return Kept{};
  }
  auto payload = read_payload(*found);
  if (!payload) {
    return Failure{payload.error()};
  }
  return *payload ? Kept{{found->record, **std::move(payload)}} : Kept{};
}

Result<Ok, SpoolError> Spool::begin_anew() {
  return acknowledged_ == 0 ? Result<Ok, SpoolError>{Ok{}} : restart(epoch_ + 1);
}

// restart moves everything that is not acknowledged into a new epoch, from sequence 1 on. Until
// the file "epoch" says the new one, the old segments count; afterwards the new ones.
Result<Ok, SpoolError> Spool::restart(std::uint64_t epoch) {
  std::vector<std::pair<Record, std::string>> all;
  for (std::uint64_t at = acknowledged_ + 1; at < next_sequence_;) {
    auto batch = next(at);
    if (!batch) {
      return Failure{batch.error()};
    }
    Record record;
    record.sealed = clock_.wall();
    record.contacts = (*batch)->contacts;
    at = (*batch)->sequence + 1;
    all.emplace_back(record, std::move((*batch)->payload));
  }
  const std::uint64_t old_epoch = epoch_;
  const std::uint64_t old_next = next_sequence_;
  const std::uint64_t old_acknowledged = acknowledged_;
  std::vector<Segment> old_segments;
  old_segments.swap(segments_);
  forget_index();
  epoch_ = epoch;
  next_sequence_ = 1;
  acknowledged_ = 0;
  Result<Ok, SpoolError> done = start_segment();
  for (const auto& [record, payload] : all) {
    if (done) {
      done = append_payload(record, payload);
    }
  }
  if (done) {
    done = save_epoch();
  }
  if (!done) {
    for (const Segment& segment : segments_) {
      static_cast<void>(files_.remove(path_of(segment.name)).has_value());
    }
    segments_.swap(old_segments);
    forget_index();
    active_.reset();
    epoch_ = old_epoch;
    next_sequence_ = old_next;
    acknowledged_ = old_acknowledged;
    return done;
  }
  acknowledged_on_disk_ = UINT64_MAX;  // the file speaks of another epoch
  handed_out_ = 0;
  for (const Segment& segment : old_segments) {
    static_cast<void>(files_.remove(path_of(segment.name)).has_value());
  }
  log::warn("spool.epoch_restarted", {{"batches", all.size()}});
  return save_acknowledged();
}

}  // namespace gnomon
