// Making room, ageing, and agreeing with a collector that knows more than we do.

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "agent/spool/spool.h"
#include "core/log.h"

namespace gnomon {
namespace {

Failure<SpoolError> io_failure(const IoError& error) {
  return Failure{SpoolError{SpoolFault::io, error}};
}

// Room is made for a thirty-second part of the whole at once, so that a full spool does not walk
// through all its segments for each batch.
constexpr std::uint64_t kSlackDivisor = 32;

constexpr const char* kRecordDamaged = "record-damaged";

}  // namespace

Result<Ok, SpoolError> Spool::remove_front_segment() {
  if (const auto removed = files_.remove(path_of(segments_.front().name)); !removed) {
    return io_failure(removed.error());
  }
  if (index_name_ == segments_.front().name) {
    forget_index();
  }
  segments_.erase(segments_.begin());
  removed_segments_.add();
  return Ok{};
}

Result<Ok, SpoolError> Spool::make_room(std::uint64_t needed) {
  if (bytes() + needed <= options_.max_bytes) {
    return Ok{};
  }
  while (segments_.size() > 1 && segments_.front().last <= acknowledged_) {
    if (auto removed = remove_front_segment(); !removed) {
      return removed;
    }
    if (bytes() + needed <= options_.max_bytes) {
      return Ok{};
    }
  }
  // The last segment can be reduced only when it takes no more appends.
  if (!segments_.empty() && segments_.back().last >= segments_.back().first) {
    if (auto started = start_segment(); !started) {
      return started;
    }
  }
  const std::uint64_t slack = options_.max_bytes / kSlackDivisor;
  const std::uint64_t wanted = needed + slack;
  const std::uint64_t target = options_.max_bytes > wanted ? options_.max_bytes - wanted : 0;
  for (const ShedLevel level :
       {ShedLevel::detail, ShedLevel::low_worth, ShedLevel::all_but_first_sights}) {
    if (auto done = shed_until(target, level); !done) {
      return done;
    }
    if (bytes() <= target) {
      break;
    }
  }
  if (bytes() + needed > options_.max_bytes) {
    return Failure{SpoolError{SpoolFault::full, {}}};
  }
  return Ok{};
}

Result<Ok, SpoolError> Spool::shed_until(std::uint64_t target, ShedLevel level) {
  FirstSights seen;
  std::size_t i = 0;
  while (i + 1 < segments_.size() && bytes() > target) {
    Segment& segment = segments_[i];
    if (segment.last <= acknowledged_) {
      if (i == 0) {
        if (auto removed = remove_front_segment(); !removed) {
          return removed;
        }
        continue;
      }
      ++i;
      continue;
    }
    if (auto done = rewrite(segment, level, kSpoolFull, seen); !done) {
      return done;
    }
    if (i > 0 && segments_[i].only_gap && segments_[i - 1].only_gap &&
        segments_[i - 1].last + 1 == segments_[i].first) {
      const std::size_t before = segments_.size();
      if (auto done = merge_with_front(i); !done) {
        return done;
      }
      i += segments_.size() == before ? 1U : 0U;
      continue;
    }
    ++i;
  }
  return Ok{};
}

// merge_with_front makes one segment of two that hold a gap each, so that a spool that stays full
// for months does not become a thousand files of one gap. The front one is replaced first: its
// run then covers the other, and load_segments() finishes what a power cut leaves.
Result<Ok, SpoolError> Spool::merge_with_front(std::size_t i) {
  std::vector<KeptBatch> merged;
  for (const std::size_t at : {i - 1, i}) {
    if (auto loaded = load_index(segments_[at]); !loaded) {
      return loaded;
    }
    for (const FoundRecord& found : index_) {
      auto batch = read_batch(found);
      if (!batch) {
        return Failure{batch.error()};
      }
      if (!*batch) {
        segments_[at].only_gap = false;  // damaged since: leave both as they are
        return Ok{};
      }
      const KeptBatch as_it_is{found.record, **batch};
      if (!as_it_is.only_gaps()) {
        segments_[at].only_gap = false;  // only gaps may be merged: nothing else may be lost here
        return Ok{};
      }
      if (merged.empty()) {
        merged.push_back(KeptBatch{found.record, **std::move(batch)});
      } else {
        merged.back().record.sequence = found.record.sequence;
        merged.back().record.sealed = found.record.sealed;
        merged.back().batch.gaps.insert(merged.back().batch.gaps.end(), (*batch)->gaps.begin(),
                                        (*batch)->gaps.end());
      }
    }
  }
  merged.back().batch.gaps = merge_gaps(merged.back().batch.gaps);
  if (auto replaced = replace_segment(segments_[i - 1], std::move(merged), Write::always);
      !replaced) {
    return replaced;
  }
  segments_[i - 1].last = segments_[i].last;
  segments_[i - 1].newest = segments_[i].newest;
  if (const auto removed = files_.remove(path_of(segments_[i].name)); !removed) {
    return io_failure(removed.error());
  }
  segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
  return Ok{};
}

Result<std::optional<Batch>, SpoolError> Spool::read_batch(const FoundRecord& found) {
  if (!found.payload_whole) {
    return std::optional<Batch>{};
  }
  const auto payload = read_payload(found);
  if (!payload) {
    return Failure{payload.error()};
  }
  if (!*payload) {
    return std::optional<Batch>{};
  }
  const auto plain = wire::decompress(bytes_of(**payload), kMaxBatchBytes);
  if (!plain) {
    return std::optional<Batch>{};
  }
  auto batch = wire::decode_batch(bytes_of(*plain));
  return batch ? std::optional<Batch>{*std::move(batch)} : std::nullopt;
}

// rewrite puts a reduced copy in the place of a closed segment. A segment that is at `level`
// already is only walked through, for the sake of `seen`.
//
//   before   [h][1: 3 contacts][2: 1 contact][3: 2 contacts][4: 1 contact]
//   after    [h'][1: 1 contact, gap of 2][2-3: gap of 3][4: 1 contact]
Result<Ok, SpoolError> Spool::rewrite(Segment& segment, ShedLevel level, const char* reason,
                                      FirstSights& seen) {
  if (auto loaded = load_index(segment); !loaded) {
    return loaded;
  }
  std::vector<KeptBatch> kept;
  const bool reduce = segment.level < level;
  std::uint64_t records = 0;
  bool holds_gaps_alone = true;  // as it lies there
  std::uint64_t contacts_shed = 0;
  std::uint64_t expected = std::max(segment.first, acknowledged_ + 1);
  const auto keep = [&](Record record, Batch batch) {
    record.contacts = static_cast<std::uint32_t>(batch.contacts.size());
    KeptBatch entry{record, std::move(batch)};
    if (entry.only_gaps() && !kept.empty() && kept.back().only_gaps() &&
        kept.back().record.sequence + 1 == record.first_sequence) {
      // Two neighbours that hold nothing but gaps become one that stands for both.
      KeptBatch& before = kept.back();
      before.batch.gaps.insert(before.batch.gaps.end(), entry.batch.gaps.begin(),
                               entry.batch.gaps.end());
      before.batch.gaps = merge_gaps(before.batch.gaps);
      before.batch.sealed = entry.batch.sealed;
      before.record.sequence = record.sequence;
      before.record.sealed = record.sealed;
    } else {
      kept.push_back(std::move(entry));
    }
  };
  const auto lost = [&](std::uint64_t first, std::uint64_t last, std::uint64_t contacts,
                        WallTime sealed) {
    Batch batch;
    batch.gaps.push_back(Gap{sealed, sealed, kRecordDamaged, contacts, first, last});
    batch.sealed = sealed;
    Record record;
    record.first_sequence = first;
    record.sequence = last;
    record.sealed = sealed;
    keep(record, std::move(batch));
  };
  for (const FoundRecord& found : index_) {
    if (found.record.sequence <= acknowledged_ || found.record.sequence > segment.last) {
      continue;
    }
    if (found.record.first_sequence > expected) {
      lost(expected, found.record.first_sequence - 1, 0, found.record.sealed);
    }
    expected = found.record.sequence + 1;
    auto read = read_batch(found);
    if (!read) {
      return Failure{read.error()};
    }
    std::optional<Batch> batch = *std::move(read);
    ++records;
    holds_gaps_alone = holds_gaps_alone && batch && batch->contacts.empty() && !batch->health;
    if (!batch) {
      lost(found.record.first_sequence, found.record.sequence, found.record.contacts,
           found.record.sealed);
      continue;
    }
    contacts_shed += shed(*batch, level, reason, seen);
    keep(found.record, *std::move(batch));
  }
  // What the file holds decides, not what it would hold: a rewrite that gains nothing is not done.
  segment.only_gap = records == 1 && index_.size() == 1 && holds_gaps_alone;
  if (!reduce) {
    return Ok{};
  }
  const std::uint64_t before = segment.bytes;
  const ShedLevel level_before = std::exchange(segment.level, level);
  auto replaced = replace_segment(segment, std::move(kept), Write::if_smaller);
  if (!replaced) {
    segment.level = level_before;  // on a full disk, say: nothing of it has happened
  } else if (segment.bytes < before) {
    shed_contacts_.add(contacts_shed);
  }
  return replaced;
}

// replace_segment writes `kept` as the segment's new contents. With Write::if_smaller it leaves the
// segment alone when that gains nothing.
Result<Ok, SpoolError> Spool::replace_segment(Segment& segment, std::vector<KeptBatch> kept,
                                              Write write) {
  std::string contents = encode_segment_header(SegmentHeader{
      epoch_, segment.first, segment.created, static_cast<std::uint8_t>(segment.level)});
  for (KeptBatch& entry : kept) {
    for (Gap& gap : entry.batch.gaps) {
      if (entry.only_gaps() && gap.reason != kRecordDamaged) {
        gap.from_sequence = entry.record.first_sequence;
        gap.to_sequence = entry.record.sequence;
      }
    }
    const std::string sealed = seal(entry.record, wire::compress(wire::encode_batch(entry.batch)));
    contents += encode_record(entry.record, sealed);
  }
  if (contents.size() >= segment.bytes && write == Write::if_smaller) {
    return Ok{};
  }
  forget_index();
  if (const auto replaced = replace_file(files_, path_of(segment.name), contents); !replaced) {
    return io_failure(replaced.error());
  }
  segment.bytes = contents.size();
  segment.only_gap = kept.size() == 1 && kept.front().only_gaps();
  bytes_gauge_.set(static_cast<std::int64_t>(bytes()));
  return Ok{};
}

Result<Ok, SpoolError> Spool::maintain() {
  const WallTime now = clock_.wall();
  if (acknowledged_ != acknowledged_on_disk_) {
    if (auto saved = save_acknowledged(); !saved) {
      return saved;
    }
  }
  if (!segments_.empty() && segments_.back().last >= segments_.back().first &&
      now - segments_.back().created >= options_.segment_age) {
    if (auto started = start_segment(); !started) {
      return started;
    }
  }
  while (segments_.size() > 1 && segments_.front().last <= acknowledged_ &&
         now - segments_.front().newest >= options_.retention) {
    if (auto removed = remove_front_segment(); !removed) {
      return removed;
    }
  }
  FirstSights seen;
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    if (segment.last > acknowledged_ && now - segment.newest >= options_.max_age) {
      if (auto done = rewrite(segment, kLastShedLevel, kSpoolExpired, seen); !done) {
        return done;
      }
    }
  }
  bytes_gauge_.set(static_cast<std::int64_t>(bytes()));
  return Ok{};
}

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
    for (const Segment& segment : segments_) {
      if (segment.first > at || segment.last < at) {
        continue;
      }
      if (const auto loaded = load_index(segment); !loaded) {
        return Failure{loaded.error()};
      }
      for (const FoundRecord& found : index_) {
        if (found.record.sequence != at || !found.payload_whole) {
          continue;
        }
        auto payload = read_payload(found);
        if (!payload) {
          return Failure{payload.error()};
        }
        if (*payload) {
          again.emplace_back(found.record, **std::move(payload));
        }
      }
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
