// Appending, reading, acknowledging. Opening: spool_load.cc. Making room: spool_room.cc. Agreeing
// with the collector: spool_agree.cc.

#include "agent/spool/spool.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/spool/spool_names.h"
#include "core/check.h"
#include "core/log.h"

namespace gnomon {
namespace {

constexpr const char* kRecordDamaged = "record-damaged";
constexpr const char* kRetentionPassed = "retention-passed";

// Acknowledgements are synced after this many: losing some costs only a repeat.
constexpr std::uint64_t kAcksBetweenSyncs = 32;

}  // namespace

void stamp(Batch& batch, const Clock& clock) {
  batch.sealed = clock.wall();
  batch.sealed_monotonic_ns = clock.monotonic().time_since_epoch().count();
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

Result<Ok, SpoolError> Spool::start_segment() {
  active_.reset();
  Segment segment;
  segment.name = to_string(SegmentName{epoch_, next_sequence_});
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
  Search search{from, next_sequence_, 0, clock_.wall(), std::nullopt};
  for (const Segment& segment : segments_) {
    if (segment.last < from) {
      continue;
    }
    const auto over = search_segment(segment, search);
    if (!over) {
      return Failure{over.error()};
    }
    if (*over) {
      break;
    }
  }
  if (!search.batch) {
    search.batch = gap_for(from, search.found_at - 1, search.lost_contacts, search.near);
    damaged_.add(search.batch->sequence - search.batch->first_sequence + 1);
  }
  handed_out_ = std::max(handed_out_, search.batch->sequence);
  return std::move(search.batch);
}

// search_segment looks for the batch that begins at `search.from`; true when there is no need to
// look further.
Result<bool, SpoolError> Spool::search_segment(const Segment& segment, Search& search) {
  if (const auto loaded = load_index(segment); !loaded) {
    return Failure{loaded.error()};
  }
  for (FoundRecord& found : index_) {
    const Record& record = found.record;
    if (record.sequence < search.from || record.sequence > segment.last) {
      continue;
    }
    search.near = record.sealed;
    auto plain = found.payload_whole
                     ? read_payload(found)
                     : Result<std::optional<std::string>, SpoolError>{std::optional<std::string>{}};
    if (!plain) {
      return Failure{plain.error()};
    }
    found.payload_whole = plain->has_value();
    if (*plain && record.first_sequence == search.from) {
      search.batch =
          SpooledBatch{search.from, record.sequence, **std::move(plain), record.contacts};
      return true;
    }
    if (*plain && record.first_sequence > search.from) {
      search.found_at = record.first_sequence;
      return true;
    }
    // Damaged, or it stands for a run of which the collector has a part: declare the rest.
    search.lost_contacts += record.contacts;
  }
  return false;
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
  stamp(batch, clock_);
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
