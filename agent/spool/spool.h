// Spool: batches on disk until the collector has acknowledged them, and some days longer.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/spool/record.h"
#include "agent/spool/record_cipher.h"
#include "agent/spool/shed.h"
#include "agent/spool/spool_fault.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"
#include "core/wire/batch.h"

namespace gnomon {

// SpoolOptions are the bounds of a spool.
struct SpoolOptions {
  std::string directory;  // made if missing; nothing else may live in it

  // All segment files together. A busy workstation makes about 40 kB a day: this is years.
  std::uint64_t max_bytes = std::uint64_t{64} << 20;

  // A segment is closed above this size or age; what is removed is removed by segment.
  std::uint64_t segment_bytes = std::uint64_t{1} << 20;
  std::chrono::hours segment_age{24};

  // Batches that nobody took within this time keep only their first sights of tools.
  std::chrono::hours max_age{24 * 30};

  // Acknowledged batches stay this long, for a collector that was restored from a backup.
  std::chrono::hours retention{72};
};

// SpooledBatch is what goes to the collector. It stands for `first_sequence` to `sequence`; the
// two differ only when it declares a run of batches lost.
struct SpooledBatch {
  std::uint64_t first_sequence = 0;
  std::uint64_t sequence = 0;
  std::string payload;         // zstd of the serialized batch
  std::uint32_t contacts = 0;  // in it
};

// stamp notes that a batch was closed now, by both clocks.
void stamp(Batch& batch, const Clock& clock);

// Spool keeps batches on disk until the collector has acknowledged them.
//
// append() returns once the batch would survive a power cut. next() yields batches in the order
// they went in, across restarts. When the spool is full it sheds what is worth least (shed.h) and
// writes a gap record in its place: an agent that cannot reach its collector must not fill the
// disk, and the collector must know what it will never see. A damaged record costs that record:
// next() yields a gap in its place, under the same sequence.
//
// A sequence is given out once. When the end of the log is damaged, the sequences that may have
// been there are skipped and declared lost.
//
// A Spool owns its directory; a second one on the same directory fails to open. One thread.
// The file system, clock, counters and cipher must outlive it. The layout is in FORMAT.md.
class Spool {
 public:
  static Result<std::unique_ptr<Spool>, SpoolError> open(FileSystem& files, const Clock& clock,
                                                         Counters& counters, SpoolOptions options,
                                                         const RecordCipher* cipher = nullptr);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // append stores a batch and yields its sequence. After a failure the batch is not stored, and
  // the spool works on.
  Result<std::uint64_t, SpoolError> append(const Batch& batch);

  // next yields the batch that stands for sequence `from`, or nullopt when `from` is behind the
  // last one. What is gone is answered with a gap that begins exactly at `from`.
  Result<std::optional<SpooledBatch>, SpoolError> next(std::uint64_t from);

  // acknowledge notes that everything up to `sequence` is stored at the collector. Idempotent; a
  // sequence that was never given out is ignored. That the note itself reaches the disk is not
  // promised: losing it costs a repeat.
  void acknowledge(std::uint64_t sequence);

  // reconcile takes the collector's view after each hello: `stored_epoch` (0: nothing stored) and
  // the last sequence stored of it. It repairs what a lost tail or a set-back clock broke (see
  // FORMAT.md, "The collector knows more") and yields the sequence to send next.
  Result<std::uint64_t, SpoolError> reconcile(std::uint64_t stored_epoch, std::uint64_t stored);

  // begin_anew moves what waits into a new epoch, from sequence 1 on, and drops what was
  // acknowledged: for a machine that enrolled again, whose collector has that under its former
  // name. Nothing is done when nothing was acknowledged. A power cut leaves the old or the new.
  Result<Ok, SpoolError> begin_anew();

  // set_max_age changes SpoolOptions::max_age, from the next maintain() on.
  void set_max_age(std::chrono::hours age) { options_.max_age = age; }

  // maintain applies the bounds in time: call it about once an hour.
  Result<Ok, SpoolError> maintain();

  std::uint64_t epoch() const { return epoch_; }
  std::uint64_t first_sequence() const;                                      // oldest still held
  std::uint64_t last_sequence() const { return next_sequence_ - 1; }         // 0 before the first
  std::uint64_t acknowledged() const { return acknowledged_; }               // 0 before the first
  std::uint64_t waiting() const { return last_sequence() - acknowledged_; }  // not acknowledged
  std::uint64_t bytes() const;                                               // on disk

 private:
  struct Segment {
    std::string name;
    std::uint64_t first = 0;  // from its name
    std::uint64_t last = 0;   // of the last record in it; first - 1 when there is none
    std::uint64_t bytes = 0;
    WallTime created;
    WallTime newest;  // sealed time of its last record
    ShedLevel level = ShedLevel::nothing;
    bool only_gap = false;  // known to hold one record, a gap
  };

  // KeptBatch is a batch on its way into a rewritten segment.
  struct KeptBatch {
    Record record;
    Batch batch;

    bool only_gaps() const { return batch.contacts.empty() && !batch.health; }
  };

  // Search is how far next() has come.
  struct Search {
    std::uint64_t from = 0;
    std::uint64_t found_at = 0;  // first sequence of the next readable record
    std::uint64_t lost_contacts = 0;
    WallTime near;  // when something close to it was sealed
    std::optional<SpooledBatch> batch;
  };

  enum class Write : std::uint8_t { if_smaller, always };

  // A segment file larger than this was not written by us.
  static constexpr std::size_t kMaxSegmentFile = std::size_t{256} << 20;

  Spool(FileSystem& files, const Clock& clock, Counters& counters, SpoolOptions options,
        const RecordCipher* cipher);

  Result<Ok, SpoolError> load();
  Result<Ok, SpoolError> load_epoch(const std::vector<std::string>& names);
  Result<Ok, SpoolError> load_segments(const std::vector<std::string>& names);
  Result<Ok, SpoolError> list_segments(const std::vector<std::string>& names);
  Result<SegmentScan, SpoolError> load_segment(std::size_t i);
  Result<Ok, SpoolError> settle_tail(const SegmentScan& scan);
  Result<Ok, SpoolError> cut_tail(const SegmentScan& scan, bool headless);
  Result<Ok, SpoolError> load_acknowledged();
  Result<Ok, SpoolError> save_epoch();
  Result<Ok, SpoolError> start_segment();
  Result<Ok, SpoolError> append_payload(Record record, std::string_view payload);
  Result<Ok, SpoolError> write_record(const std::string& bytes);
  Result<Ok, SpoolError> save_acknowledged();
  Result<Ok, SpoolError> remove_front_segment();
  Result<Ok, SpoolError> make_room(std::uint64_t needed);
  Result<Ok, SpoolError> rewrite(Segment& segment, ShedLevel level, const char* reason,
                                 FirstSights& seen);
  Result<std::optional<Batch>, SpoolError> read_batch(const FoundRecord& found);
  Result<Ok, SpoolError> replace_segment(Segment& segment, std::vector<KeptBatch> kept,
                                         Write write);
  Result<Ok, SpoolError> merge_with_front(std::size_t i);
  Result<Ok, SpoolError> merge_where_gaps(std::size_t i);
  Result<Ok, SpoolError> shed_until(std::uint64_t target, ShedLevel level);
  Result<Ok, SpoolError> load_index(const Segment& segment);
  Result<Ok, SpoolError> restart(std::uint64_t epoch);
  Result<bool, SpoolError> search_segment(const Segment& segment, Search& search);
  Result<std::optional<std::string>, SpoolError> read_payload(const FoundRecord& found);
  Result<std::optional<std::pair<Record, std::string>>, SpoolError> read_at(std::uint64_t sequence);
  std::optional<std::string> unseal(const Record& record, Bytes payload) const;
  std::string seal(Record& record, std::string_view plain) const;
  SpooledBatch gap_for(std::uint64_t from, std::uint64_t to, std::uint64_t contacts,
                       WallTime near) const;
  std::string path_of(const std::string& name) const { return options_.directory + "/" + name; }
  void forget_index() { index_name_.clear(); }

  // Set once.
  FileSystem& files_;
  const Clock& clock_;
  SpoolOptions options_;
  const RecordCipher* cipher_;  // absent: payloads lie as they are
  Counter& appended_;
  Counter& append_failed_;
  Counter& damaged_;
  Counter& shed_contacts_;
  Counter& removed_segments_;
  Gauge& bytes_gauge_;
  Gauge& waiting_gauge_;

  // The owner thread's.
  std::unique_ptr<FileLock> lock_;
  std::uint64_t epoch_ = 0;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t acknowledged_on_disk_ = 0;
  // Greatest sequence that the collector may have got from this log: all that were there when
  // it was opened, and what next() has yielded since.
  std::uint64_t handed_out_ = 0;
  std::vector<Segment> segments_;  // oldest first; the last one takes appends
  std::unique_ptr<File> active_;   // of the last segment; absent: the next append starts one

  // Index of the segment read last.
  std::string index_name_;
  std::vector<FoundRecord> index_;
  std::unique_ptr<File> index_file_;
};

}  // namespace gnomon
