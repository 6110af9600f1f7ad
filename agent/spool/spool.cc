// Opening, appending, reading, acknowledging. Making room and repair: spool_room.cc.

#include "agent/spool/spool.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "agent/spool/crc32c.h"
#include "core/check.h"
#include "core/log.h"

namespace gnomon {
namespace {

constexpr const char* kSuffix = ".seg";
constexpr const char* kRecordDamaged = "record-damaged";
constexpr const char* kRetentionPassed = "retention-passed";

// A segment file larger than this was not written by us.
constexpr std::size_t kMaxSegmentFile = std::size_t{256} << 20;

// Acknowledgements are synced after this many: losing some costs only a repeat.
constexpr std::uint64_t kAcksBetweenSyncs = 32;

std::string hex16(std::uint64_t value) {
  std::array<char, 17> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%016" PRIx64, value));
  return text.data();
}

std::optional<std::uint64_t> parse_hex16(std::string_view text) {
  std::uint64_t value = 0;
  if (text.size() != 16) {
    return std::nullopt;
  }
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f')) {
      return std::nullopt;
    }
    value = value << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

// "<epoch>-<first sequence>.seg", both as 16 hexadecimal digits.
struct SegmentName {
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;
};

std::optional<SegmentName> parse_segment_name(std::string_view name) {
  if (name.size() != 37 || name[16] != '-' || name.substr(33) != kSuffix) {
    return std::nullopt;
  }
  const auto epoch = parse_hex16(name.substr(0, 16));
  const auto first = parse_hex16(name.substr(17, 16));
  if (!epoch || !first || *first == 0) {
    return std::nullopt;
  }
  return SegmentName{*epoch, *first};
}

Failure<SpoolError> io_failure(const IoError& error) {
  const bool locked = error.operation == "lock" && error.code.value() == EWOULDBLOCK;
  return Failure{SpoolError{locked ? SpoolFault::locked : SpoolFault::io, error}};
}

// A small file of hexadecimal words with a checksum: "word word crc\n".
std::string checked_words(std::initializer_list<std::uint64_t> words) {
  std::string line;
  for (const std::uint64_t word : words) {
    line += hex16(word) + ' ';
  }
  return line + hex16(crc32c(bytes_of(line))) + '\n';
}

std::vector<std::uint64_t> parse_checked_words(std::string_view text) {
  std::vector<std::uint64_t> words;
  if (text.size() % 17 != 0 || text.size() < 34 || text.back() != '\n') {
    return {};
  }
  for (std::size_t at = 0; at < text.size(); at += 17) {
    const auto word = parse_hex16(text.substr(at, 16));
    if (!word) {
      return {};
    }
    words.push_back(*word);
  }
  const std::uint64_t crc = words.back();
  words.pop_back();
  return crc == crc32c(bytes_of(text.substr(0, text.size() - 17))) ? words
                                                                   : std::vector<std::uint64_t>{};
}

}  // namespace

std::string SpoolError::text() const {
  switch (fault) {
    case SpoolFault::io:
      return "the spool cannot be used: " + io.text();
    case SpoolFault::full:
      return "the spool is full and holds nothing that may be given up";
    case SpoolFault::invalid:
      return "the batch breaks a limit of the wire format";
    case SpoolFault::locked:
      return "another process uses the spool in " + parent_directory(io.path);
  }
  return "the spool cannot be used";
}

Spool::Spool(FileSystem& files, const Clock& clock, Counters& counters, SpoolOptions options,
             const RecordCipher* cipher)
    : files_(files),
      clock_(clock),
      options_(std::move(options)),
      cipher_(cipher),
      appended_(counters.counter("spool_batches_total", "Batches stored on disk.")),
      append_failed_(
          counters.counter("spool_append_failed_total", "Batches that could not be stored.")),
      damaged_(counters.counter("spool_damaged_total", "Sequences found damaged or missing.")),
      shed_contacts_(counters.counter("spool_shed_contacts_total",
                                      "Contacts given up because the spool was full or too old.")),
      removed_segments_(counters.counter("spool_segments_removed_total",
                                         "Segments removed after acknowledgement.")),
      bytes_gauge_(counters.gauge("spool_bytes", "Bytes of all segment files.")),
      waiting_gauge_(counters.gauge("spool_waiting_batches", "Batches not yet acknowledged.")) {}

Spool::~Spool() {
  if (acknowledged_ != acknowledged_on_disk_ && lock_) {
    static_cast<void>(save_acknowledged().has_value());
  }
}

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

Result<Ok, SpoolError> Spool::load_segments(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto parsed = parse_segment_name(name);
    if (!parsed || parsed->epoch != epoch_) {
      // Left by an interrupted rewrite or restart(): its contents lie elsewhere, whole.
      if (parsed || name.ends_with(".new")) {
        if (const auto removed = files_.remove(path_of(name)); !removed) {
          return io_failure(removed.error());
        }
      }
      continue;
    }
    Segment segment;
    segment.name = name;
    segment.first = parsed->first;
    segment.last = parsed->first - 1;
    segments_.push_back(std::move(segment));  // names sort by epoch, then by first sequence
  }
  std::uint64_t lost_at_tail = 0;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    const auto contents = read_whole_file(files_, path_of(segment.name), kMaxSegmentFile);
    if (!contents) {
      return io_failure(contents.error());
    }
    segment.bytes = contents->size();
    segment.created = clock_.wall();
    if (const auto header = decode_segment_header(bytes_of(*contents))) {
      segment.created = header->created;
      segment.level = static_cast<ShedLevel>(
          std::min(header->shed_level, static_cast<std::uint8_t>(kLastShedLevel)));
    }
    segment.newest = segment.created;
    const SegmentScan scan = scan_segment(bytes_of(*contents), segment.first);
    for (const FoundRecord& found : scan.records) {
      // A run that reaches into the segments behind it was merged from them (merge_with_front):
      // they are still there because the power went before they were removed.
      while (found.record.first_sequence < found.record.sequence && i + 1 < segments_.size() &&
             found.record.sequence >= segments_[i + 1].first) {
        if (const auto removed = files_.remove(path_of(segments_[i + 1].name)); !removed) {
          return io_failure(removed.error());
        }
        segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
      // A record beyond the next segment's first sequence was never acknowledged: its append
      // failed, and the sequence was used again.
      if (i + 1 < segments_.size() && found.record.sequence >= segments_[i + 1].first) {
        break;
      }
      segment.last = found.record.sequence;
      segment.newest = found.record.sealed;
    }
    if (i + 1 == segments_.size()) {
      next_sequence_ = segment.last + 1;
      lost_at_tail = scan.lost_at_tail;
      const bool torn = !scan.records.empty() && !scan.records.back().payload_whole;
      if (lost_at_tail > 0 || torn || contents->size() < kSegmentHeaderBytes) {
        // Never append behind rubbish, and never use again a sequence that may have been there:
        // the new segment's name holds the place. Only then is the torn tail cut off.
        next_sequence_ += lost_at_tail;
        if (contents->size() < kSegmentHeaderBytes) {
          segments_.pop_back();  // nothing was ever in it; its name is used again
        }
        if (auto started = start_segment(); !started) {
          return started;
        }
        if (lost_at_tail > 0 && segments_.size() > 1) {
          Segment& torn_segment = segments_[segments_.size() - 2];
          auto file = files_.open(path_of(torn_segment.name), OpenMode::append);
          if (file && (*file)->truncate(scan.good_bytes)) {
            torn_segment.bytes = scan.good_bytes;
          }
        }
        log::warn("spool.tail_repaired",
                  {{"bytes", scan.rubbish_tail}, {"sequences", lost_at_tail}});
        break;
      }
      if (segment.bytes < options_.segment_bytes) {
        auto file = files_.open(path_of(segment.name), OpenMode::append);
        if (!file) {
          return io_failure(file.error());
        }
        active_ = *std::move(file);
      }
    }
  }
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

Result<Ok, SpoolError> Spool::start_segment() {
  active_.reset();
  Segment segment;
  segment.name = hex16(epoch_) + '-' + hex16(next_sequence_) + kSuffix;
  segment.first = next_sequence_;
  segment.last = next_sequence_ - 1;
  segment.created = clock_.wall();
  segment.newest = segment.created;
  const std::string path = path_of(segment.name);
  const auto there = files_.exists(path);
  if (!there) {
    return io_failure(there.error());
  }
  if (*there) {
    // The trace of an append that failed before anything was acknowledged from this file.
    if (const auto removed = files_.remove(path); !removed) {
      return io_failure(removed.error());
    }
    std::erase_if(segments_, [&](const Segment& other) { return other.name == segment.name; });
    forget_index();
  }
  auto file = files_.open(path, OpenMode::create_new);
  if (!file) {
    return io_failure(file.error());
  }
  const std::string header = encode_segment_header(
      SegmentHeader{epoch_, segment.first, segment.created, static_cast<std::uint8_t>(0)});
  const auto written = (*file)->append(bytes_of(header));
  const auto synced = written ? (*file)->sync() : written;
  // Without its name on disk a fresh segment would be gone after a power cut, with batches in it
  // that append() had promised to keep.
  const auto named = synced ? files_.sync_directory(options_.directory) : synced;
  if (!named) {
    file->reset();
    static_cast<void>(files_.remove(path).has_value());
    return io_failure(named.error());
  }
  segment.bytes = header.size();
  segments_.push_back(std::move(segment));
  active_ = *std::move(file);
  return Ok{};
}

Result<std::uint64_t, SpoolError> Spool::append(const Batch& batch) {
  if (!wire::fits(batch)) {
    append_failed_.add();
    return Failure{SpoolError{SpoolFault::invalid, {}}};
  }
  Record record;
  record.first_sequence = next_sequence_;
  record.sequence = next_sequence_;
  record.sealed = batch.sealed;
  record.contacts = static_cast<std::uint32_t>(batch.contacts.size());
  const std::string payload = wire::compress(wire::encode_batch(batch));
  if (payload.size() > kMaxCompressedBatchBytes) {
    append_failed_.add();
    return Failure{SpoolError{SpoolFault::invalid, {}}};
  }
  if (const auto stored = append_payload(record, payload); !stored) {
    append_failed_.add();
    return Failure{stored.error()};
  }
  appended_.add();
  return record.sequence;
}

// append_payload gives the record the next sequence, whatever it says itself.
Result<Ok, SpoolError> Spool::append_payload(Record record, std::string_view payload) {
  record.first_sequence = next_sequence_;
  record.sequence = next_sequence_;
  const std::string sealed = seal(record, payload);
  const std::string bytes = encode_record(record, sealed);
  if (auto room = make_room(bytes.size()); !room) {
    return room;
  }
  auto written = write_record(bytes);
  while (!written && written.error().io.code.value() == ENOSPC && segments_.size() > 1 &&
         segments_.front().last <= acknowledged_) {
    // The disk is full, though we are below our own bound: what the collector has is worth less
    // than what it does not have.
    if (auto removed = remove_front_segment(); !removed) {
      return removed;
    }
    written = write_record(bytes);
  }
  if (!written) {
    return written;
  }
  Segment& segment = segments_.back();
  if (index_name_ == segment.name) {
    index_.push_back(FoundRecord{record, segment.bytes + kRecordHeaderBytes,
                                 static_cast<std::uint32_t>(sealed.size()), true});
  }
  segment.bytes += bytes.size();
  segment.last = record.sequence;
  segment.newest = record.sealed;
  ++next_sequence_;
  bytes_gauge_.set(static_cast<std::int64_t>(this->bytes()));
  waiting_gauge_.set(static_cast<std::int64_t>(waiting()));
  return Ok{};
}

Result<Ok, SpoolError> Spool::write_record(const std::string& bytes) {
  const bool closed = active_ == nullptr || segments_.empty() ||
                      segments_.back().bytes >= options_.segment_bytes ||
                      clock_.wall() - segments_.back().created >= options_.segment_age;
  if (closed) {
    if (auto started = start_segment(); !started) {
      return started;
    }
  }
  const std::uint64_t before = segments_.back().bytes;
  auto written = active_->append(bytes_of(bytes));
  if (written) {
    written = active_->sync();
  }
  if (written) {
    return Ok{};
  }
  // Nothing is known about the bytes now. Take them back; if even that fails, leave the file
  // alone: the next append starts a segment whose name says that they do not count.
  const auto cut = active_->truncate(before);
  if (!cut || !active_->sync()) {
    active_.reset();
  }
  return io_failure(written.error());
}

std::uint64_t Spool::first_sequence() const {
  return segments_.empty() ? next_sequence_ : segments_.front().first;
}

std::uint64_t Spool::bytes() const {
  std::uint64_t sum = 0;
  for (const Segment& segment : segments_) {
    sum += segment.bytes;
  }
  return sum;
}

Result<std::optional<SpooledBatch>, SpoolError> Spool::next(std::uint64_t from) {
  from = std::max<std::uint64_t>(from, 1);
  if (from >= next_sequence_) {
    return std::optional<SpooledBatch>{};
  }
  std::uint64_t lost_contacts = 0;
  WallTime near = clock_.wall();
  std::uint64_t found_at = next_sequence_;  // first sequence of the next readable record
  for (const Segment& segment : segments_) {
    if (segment.last < from) {
      continue;
    }
    if (const auto loaded = load_index(segment); !loaded) {
      return Failure{loaded.error()};
    }
    for (FoundRecord& found : index_) {
      if (found.record.sequence < from || found.record.sequence > segment.last) {
        continue;
      }
      near = found.record.sealed;
      if (found.payload_whole) {
        auto plain = read_payload(found);
        if (!plain) {
          return Failure{plain.error()};
        }
        if (*plain) {
          if (found.record.first_sequence == from) {
            handed_out_ = std::max(handed_out_, found.record.sequence);
            return std::optional<SpooledBatch>{SpooledBatch{
                from, found.record.sequence, **std::move(plain), found.record.contacts}};
          }
          if (found.record.first_sequence > from) {
            found_at = found.record.first_sequence;
            break;
          }
          // It stands for a run of which the collector has a part: declare the rest.
        } else {
          found.payload_whole = false;
        }
      }
      lost_contacts += found.record.contacts;
    }
    if (found_at != next_sequence_) {
      break;
    }
  }
  SpooledBatch gap = gap_for(from, found_at - 1, lost_contacts, near);
  damaged_.add(gap.sequence - gap.first_sequence + 1);
  handed_out_ = std::max(handed_out_, gap.sequence);
  return std::optional<SpooledBatch>{std::move(gap)};
}

SpooledBatch Spool::gap_for(std::uint64_t from, std::uint64_t to, std::uint64_t contacts,
                            WallTime near) const {
  const bool removed = from < first_sequence();
  if (removed) {
    to = std::min(to, first_sequence() - 1);
  }
  const char* reason = removed ? kRetentionPassed : kRecordDamaged;
  Batch batch;
  batch.gaps.push_back(Gap{near, near, reason, contacts, from, to});
  batch.sealed = clock_.wall();
  batch.sealed_monotonic_ns = clock_.monotonic().time_since_epoch().count();
  return SpooledBatch{from, to, wire::compress(wire::encode_batch(batch)), 0};
}

Result<Ok, SpoolError> Spool::load_index(const Segment& segment) {
  if (index_name_ == segment.name) {
    return Ok{};
  }
  forget_index();
  auto file = files_.open(path_of(segment.name), OpenMode::read);
  if (!file) {
    return io_failure(file.error());
  }
  const auto contents = read_whole_file(files_, path_of(segment.name), kMaxSegmentFile);
  if (!contents) {
    return io_failure(contents.error());
  }
  index_ = scan_segment(bytes_of(*contents), segment.first).records;
  index_file_ = *std::move(file);
  index_name_ = segment.name;
  return Ok{};
}

// read_payload yields nullopt when the record was damaged since it was indexed, or does not open.
Result<std::optional<std::string>, SpoolError> Spool::read_payload(const FoundRecord& found) {
  std::vector<std::uint8_t> bytes(kRecordHeaderBytes + found.length);
  const auto got = index_file_->read_at(found.offset - kRecordHeaderBytes, bytes);
  if (!got) {
    return io_failure(got.error());
  }
  const auto whole = read_record(Bytes{bytes}.first(*got));
  if (!whole || !(whole->record == found.record)) {
    return std::optional<std::string>{};
  }
  return unseal(whole->record, whole->payload);
}

std::string Spool::seal(Record& record, std::string_view plain) const {
  record.encrypted = cipher_ != nullptr;
  return record.encrypted ? cipher_->seal(plain, context_of(epoch_, record)) : std::string{plain};
}

std::optional<std::string> Spool::unseal(const Record& record, Bytes payload) const {
  if (!record.encrypted) {
    return std::string{text_of(payload)};
  }
  if (cipher_ == nullptr) {
    return std::nullopt;
  }
  return cipher_->open(payload, context_of(epoch_, record));
}

void Spool::acknowledge(std::uint64_t sequence) {
  if (sequence <= acknowledged_ || sequence > last_sequence()) {
    return;
  }
  acknowledged_ = sequence;
  handed_out_ = std::max(handed_out_, sequence);
  waiting_gauge_.set(static_cast<std::int64_t>(waiting()));
  if (acknowledged_ - acknowledged_on_disk_ >= kAcksBetweenSyncs || waiting() == 0) {
    static_cast<void>(save_acknowledged().has_value());
  }
}

Result<Ok, SpoolError> Spool::save_acknowledged() {
  const auto saved = replace_file(files_, path_of("acknowledged"),
                                  checked_words({epoch_, acknowledged_}), Durable::no);
  if (!saved) {
    return io_failure(saved.error());
  }
  acknowledged_on_disk_ = acknowledged_;
  return Ok{};
}

}  // namespace gnomon
