// Opening a spool: what lies there, and what a power cut left of it.

#include <algorithm>
#include <utility>

#include "agent/spool/spool.h"
#include "agent/spool/spool_names.h"
#include "core/log.h"

namespace gnomon {

Result<std::unique_ptr<Spool>, SpoolError> Spool::open(FileSystem& files, const Clock& clock,
                                                       Counters& counters, SpoolOptions options,
                                                       const RecordCipher* cipher) {
  std::unique_ptr<Spool> spool(new Spool(files, clock, counters, std::move(options), cipher));
  if (const auto loaded = spool->load(); !loaded) {
    return Failure{loaded.error()};
  }
  log::info("spool.opened", {{"segments", spool->segments_.size()},
                             {"bytes", spool->bytes()},
                             {"waiting", spool->waiting()}});
  return spool;
}

Result<Ok, SpoolError> Spool::load() {
  if (const auto made = files_.make_directory(options_.directory); !made) {
    return io_failure(made.error());
  }
  auto lock = files_.lock(path_of("lock"));
  if (!lock) {
    return io_failure(lock.error());
  }
  lock_ = *std::move(lock);
  const auto names = files_.list(options_.directory);
  if (!names) {
    return io_failure(names.error());
  }
  if (auto loaded = load_epoch(*names); !loaded) {
    return loaded;
  }
  if (auto loaded = load_segments(*names); !loaded) {
    return loaded;
  }
  if (auto loaded = load_acknowledged(); !loaded) {
    return loaded;
  }
  handed_out_ = last_sequence();
  bytes_gauge_.set(static_cast<std::int64_t>(bytes()));
  waiting_gauge_.set(static_cast<std::int64_t>(waiting()));
  return Ok{};
}

Result<Ok, SpoolError> Spool::load_epoch(const std::vector<std::string>& names) {
  if (std::binary_search(names.begin(), names.end(), "epoch")) {
    const auto text = read_whole_file(files_, path_of("epoch"), 4096);
    if (!text) {
      return io_failure(text.error());
    }
    if (const auto words = parse_checked_words(*text); words.size() == 1 && words[0] > 0) {
      epoch_ = words[0];
      return Ok{};
    }
  }
  // No file, or a damaged one: the newest epoch among the segments is it.
  for (const std::string& name : names) {
    if (const auto parsed = parse_segment_name(name)) {
      epoch_ = std::max(epoch_, parsed->epoch);
    }
  }
  if (epoch_ == 0) {
    epoch_ = static_cast<std::uint64_t>(
        std::max<std::int64_t>(1, clock_.wall().time_since_epoch().count()));
  }
  return save_epoch();
}

Result<Ok, SpoolError> Spool::save_epoch() {
  if (const auto saved = replace_file(files_, path_of("epoch"), checked_words({epoch_})); !saved) {
    return io_failure(saved.error());
  }
  return Ok{};
}

// load_segments finds what lies in the folder, and mends what a power cut left.
Result<Ok, SpoolError> Spool::load_segments(const std::vector<std::string>& names) {
  if (auto listed = list_segments(names); !listed) {
    return listed;
  }
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const auto scan = load_segment(i);
    if (!scan) {
      return Failure{scan.error()};
    }
    if (i + 1 == segments_.size()) {
      return settle_tail(*scan);
    }
  }
  return Ok{};
}

Result<Ok, SpoolError> Spool::list_segments(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto parsed = parse_segment_name(name);
    if (parsed && parsed->epoch == epoch_) {
      Segment segment;
      segment.name = name;
      segment.first = parsed->first;
      segment.last = parsed->first - 1;
      segments_.push_back(std::move(segment));  // names sort by epoch, then by first sequence
      continue;
    }
    // Left by an interrupted rewrite or restart(): its contents lie elsewhere, whole.
    if (parsed || name.ends_with(".new")) {
      if (const auto removed = files_.remove(path_of(name)); !removed) {
        return io_failure(removed.error());
      }
    }
  }
  return Ok{};
}

// load_segment fills segments_[i] from its file. Segments behind it go when a run of it covers
// them.
Result<SegmentScan, SpoolError> Spool::load_segment(std::size_t i) {
  const auto contents = read_whole_file(files_, path_of(segments_[i].name), kMaxSegmentFile);
  if (!contents) {
    return io_failure(contents.error());
  }
  {
    Segment& segment = segments_[i];
    segment.bytes = contents->size();
    segment.created = clock_.wall();
    if (const auto header = decode_segment_header(bytes_of(*contents))) {
      segment.created = header->created;
      segment.level = static_cast<ShedLevel>(
          std::min(header->shed_level, static_cast<std::uint8_t>(kLastShedLevel)));
    }
    segment.newest = segment.created;
  }
  SegmentScan scan = scan_segment(bytes_of(*contents), segments_[i].first);
  for (const FoundRecord& found : scan.records) {
    // A run that reaches into the segments behind it was merged from them (merge_with_front): they
    // are still there because the power went before they were removed.
    const bool is_run = found.record.first_sequence < found.record.sequence;
    while (is_run && i + 1 < segments_.size() && found.record.sequence >= segments_[i + 1].first) {
      if (const auto removed = files_.remove(path_of(segments_[i + 1].name)); !removed) {
        return io_failure(removed.error());
      }
      segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
    // A record beyond the next segment's first sequence was never acknowledged: its append failed,
    // and the sequence was used again.
    if (i + 1 < segments_.size() && found.record.sequence >= segments_[i + 1].first) {
      break;
    }
    segments_[i].last = found.record.sequence;
    segments_[i].newest = found.record.sealed;
  }
  return scan;
}

// settle_tail makes the last segment ready for appends, whatever a power cut left at its end.
Result<Ok, SpoolError> Spool::settle_tail(const SegmentScan& scan) {
  const Segment& last = segments_.back();
  const bool headless = last.bytes < kSegmentHeaderBytes;
  const bool torn = !scan.records.empty() && !scan.records.back().payload_whole;
  next_sequence_ = last.last + 1;
  if (scan.lost_at_tail > 0 || torn || headless) {
    return cut_tail(scan, headless);
  }
  if (last.bytes < options_.segment_bytes) {
    auto file = files_.open(path_of(last.name), OpenMode::append);
    if (!file) {
      return io_failure(file.error());
    }
    active_ = *std::move(file);
  }
  return Ok{};
}

// Never append behind rubbish, and never use again a sequence that may have been there: the new
// segment's name holds the place. Only then is the torn tail cut off.
Result<Ok, SpoolError> Spool::cut_tail(const SegmentScan& scan, bool headless) {
  next_sequence_ += scan.lost_at_tail;
  if (headless) {
    segments_.pop_back();  // nothing was ever in it; its name is used again
  }
  if (auto started = start_segment(); !started) {
    return started;
  }
  if (scan.lost_at_tail > 0 && segments_.size() > 1) {
    Segment& torn_segment = segments_[segments_.size() - 2];
    auto file = files_.open(path_of(torn_segment.name), OpenMode::append);
    if (file && (*file)->truncate(scan.good_bytes)) {
      torn_segment.bytes = scan.good_bytes;
    }
  }
  log::warn("spool.tail_repaired",
            {{"bytes", scan.rubbish_tail}, {"sequences", scan.lost_at_tail}});
  return Ok{};
}

Result<Ok, SpoolError> Spool::load_acknowledged() {
  const std::string path = path_of("acknowledged");
  const auto there = files_.exists(path);
  if (!there) {
    return io_failure(there.error());
  }
  if (*there) {
    const auto text = read_whole_file(files_, path, 4096);
    if (!text) {
      return io_failure(text.error());
    }
    const auto words = parse_checked_words(*text);
    if (words.size() == 2 && words[0] == epoch_) {
      acknowledged_ = words[1];
    }
  }
  if (!segments_.empty() && segments_.front().first > acknowledged_ + 1) {
    // Only acknowledged segments are removed: the file just lagged behind.
    acknowledged_ = segments_.front().first - 1;
  }
  acknowledged_on_disk_ = acknowledged_;
  if (acknowledged_ >= next_sequence_) {
    // The tail is gone without a trace, but what was acknowledged had been given out.
    damaged_.add(acknowledged_ + 1 - next_sequence_);
    next_sequence_ = acknowledged_ + 1;
    active_.reset();
    return start_segment();
  }
  return Ok{};
}

}  // namespace gnomon
