// Making room, and ageing.

#include <algorithm>
#include <utility>

#include "agent/spool/spool.h"
#include "core/log.h"

namespace gnomon {
namespace {

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
    if (segments_[i].last <= acknowledged_) {
      const bool at_front = i == 0;
      if (auto done = at_front ? remove_front_segment() : Result<Ok, SpoolError>{Ok{}}; !done) {
        return done;
      }
      i += at_front ? 0U : 1U;
      continue;
    }
    if (auto done = rewrite(segments_[i], level, kSpoolFull, seen); !done) {
      return done;
    }
    const std::size_t before = segments_.size();
    if (auto done = merge_where_gaps(i); !done) {
      return done;
    }
    i += segments_.size() == before ? 1U : 0U;
  }
  return Ok{};
}

// merge_where_gaps merges a segment with the one before it where both hold nothing but a gap.
Result<Ok, SpoolError> Spool::merge_where_gaps(std::size_t i) {
  const bool both = i > 0 && segments_[i].only_gap && segments_[i - 1].only_gap &&
                    segments_[i - 1].last + 1 == segments_[i].first;
  return both ? merge_with_front(i) : Result<Ok, SpoolError>{Ok{}};
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

}  // namespace gnomon
