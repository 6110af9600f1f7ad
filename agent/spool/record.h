// Records and segments as bytes: written here, found again here. See FORMAT.md.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/clock.h"

namespace gnomon {

constexpr std::size_t kSegmentHeaderBytes = 40;
constexpr std::size_t kRecordHeaderBytes = 48;

// kMaxRecordPayload bounds what a length field may claim: a compressed batch, and the few bytes
// that encryption adds.
constexpr std::size_t kMaxRecordPayload = (std::size_t{1} << 20) + 256;

// SegmentHeader stands at the front of each segment file.
struct SegmentHeader {
  std::uint64_t epoch = 0;
  std::uint64_t first_sequence = 0;
  WallTime created;
  std::uint8_t shed_level = 0;  // how far its batches have been reduced, agent/spool/shed.h

  bool operator==(const SegmentHeader&) const = default;
};

std::string encode_segment_header(const SegmentHeader& header);
std::optional<SegmentHeader> decode_segment_header(Bytes bytes);

// Record is one batch on disk. It stands for `first_sequence` to `sequence`: more than one only
// when a run of batches was shed and a gap record took its place.
struct Record {
  std::uint64_t first_sequence = 0;
  std::uint64_t sequence = 0;
  WallTime sealed;
  std::uint32_t contacts = 0;  // in it, so that a damaged payload's loss can be stated
  bool encrypted = false;

  bool operator==(const Record&) const = default;
};

// context_of names the place of a record, for what is sealed in it: moved elsewhere it does not
// open.
std::string context_of(std::uint64_t epoch, const Record& record);

// encode_record gives header and payload in one run, to be written with one append.
std::string encode_record(const Record& record, std::string_view payload);

// FoundRecord is a record whose header is whole.
struct FoundRecord {
  Record record;
  std::uint64_t offset = 0;    // of its payload
  std::uint32_t length = 0;    // of its payload
  bool payload_whole = false;  // all there, and its checksum is right
};

// SegmentScan is what a segment holds.
struct SegmentScan {
  std::vector<FoundRecord> records;  // sequences ascending
  std::uint64_t good_bytes = 0;      // end of the last record whose header is whole
  std::uint64_t rubbish_tail = 0;    // bytes behind it that belong to no such record
  // How many records the rubbish at the end may have been: at least one when there is any.
  std::uint64_t lost_at_tail = 0;
};

// scan_segment finds every record of a segment file whose header is whole, whatever lies between.
// A record counts only if its sequences come after all records before it and not before
// `first_sequence`. Work is linear in the size, but for damage: then a header is tried wherever
// its magic appears.
SegmentScan scan_segment(Bytes file, std::uint64_t first_sequence);

// read_record takes one record apart at the front of `bytes` (header and payload); nullopt unless
// both are whole.
struct WholeRecord {
  Record record;
  Bytes payload;  // borrowed
};
std::optional<WholeRecord> read_record(Bytes bytes);

}  // namespace gnomon
