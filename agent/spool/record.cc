#include "agent/spool/record.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "agent/spool/crc32c.h"
#include "core/byte_writer.h"
#include "core/check.h"
#include "core/file.h"

namespace gnomon {
namespace {

constexpr std::array<std::uint8_t, 8> kSegmentMagic = {'G', 'n', 'S', 'p', 'o', 'o', 'l', '1'};
constexpr std::array<std::uint8_t, 4> kRecordMagic = {0xb7, 'G', 'n', 'R'};
constexpr std::uint16_t kFlagEncrypted = 1;

std::uint64_t read_u64(ByteReader& reader) {
  const std::uint64_t high = reader.u32();
  return high << 32 | reader.u32();
}

std::string text(ByteWriter writer) {
  const auto bytes = writer.take();
  return std::string{text_of(bytes)};
}

struct Header {
  Record record;
  std::uint32_t length = 0;
  std::uint32_t payload_crc = 0;
};

std::optional<Header> decode_header(Bytes bytes) {
  if (bytes.size() < kRecordHeaderBytes) {
    return std::nullopt;
  }
  ByteReader reader{bytes.first(kRecordHeaderBytes)};
  if (const Bytes magic = reader.take(4);
      !std::equal(magic.begin(), magic.end(), kRecordMagic.begin())) {
    return std::nullopt;
  }
  Header header;
  header.length = reader.u32();
  header.record.first_sequence = read_u64(reader);
  header.record.sequence = read_u64(reader);
  header.record.sealed =
      WallTime{std::chrono::nanoseconds{static_cast<std::int64_t>(read_u64(reader))}};
  header.record.contacts = reader.u32();
  header.record.encrypted = (reader.u16() & kFlagEncrypted) != 0;
  reader.skip(2);
  header.payload_crc = reader.u32();
  const std::uint32_t header_crc = reader.u32();
  if (header_crc != crc32c(bytes.first(kRecordHeaderBytes - 4)) ||
      header.length > kMaxRecordPayload || header.record.first_sequence == 0 ||
      header.record.first_sequence > header.record.sequence || header.record.sequence > INT64_MAX) {
    return std::nullopt;
  }
  return header;
}

// find_magic yields the first place at or behind `from` where a record may begin.
std::size_t find_magic(Bytes file, std::size_t from) {
  const auto found = std::search(file.begin() + static_cast<std::ptrdiff_t>(from), file.end(),
                                 kRecordMagic.begin(), kRecordMagic.end());
  return static_cast<std::size_t>(found - file.begin());
}

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  ByteWriter writer;
  writer.bytes(kSegmentMagic);
  writer.u64(header.epoch);
  writer.u64(header.first_sequence);
  writer.u64(static_cast<std::uint64_t>(header.created.time_since_epoch().count()));
  writer.u8(header.shed_level);
  writer.u24(0);
  writer.u32(crc32c(writer.view()));
  GNOMON_CHECK(writer.size() == kSegmentHeaderBytes);
  return text(std::move(writer));
}

std::optional<SegmentHeader> decode_segment_header(Bytes bytes) {
  if (bytes.size() < kSegmentHeaderBytes) {
    return std::nullopt;
  }
  ByteReader reader{bytes};
  const Bytes magic = reader.take(kSegmentMagic.size());
  SegmentHeader header;
  header.epoch = read_u64(reader);
  header.first_sequence = read_u64(reader);
  header.created = WallTime{std::chrono::nanoseconds{static_cast<std::int64_t>(read_u64(reader))}};
  header.shed_level = reader.u8();
  reader.skip(3);
  if (!std::equal(magic.begin(), magic.end(), kSegmentMagic.begin()) ||
      reader.u32() != crc32c(bytes.first(kSegmentHeaderBytes - 4))) {
    return std::nullopt;
  }
  return header;
}

std::string context_of(std::uint64_t epoch, const Record& record) {
  std::array<char, 49> words{};
  static_cast<void>(std::snprintf(words.data(), words.size(),
                                  "%016" PRIx64 "%016" PRIx64 "%016" PRIx64, epoch,
                                  record.first_sequence, record.sequence));
  return words.data();
}

std::string encode_record(const Record& record, std::string_view payload) {
  GNOMON_CHECK(payload.size() <= kMaxRecordPayload);
  ByteWriter writer;
  writer.bytes(kRecordMagic);
  writer.u32(static_cast<std::uint32_t>(payload.size()));
  writer.u64(record.first_sequence);
  writer.u64(record.sequence);
  writer.u64(static_cast<std::uint64_t>(record.sealed.time_since_epoch().count()));
  writer.u32(record.contacts);
  writer.u16(record.encrypted ? kFlagEncrypted : 0);
  writer.u16(0);
  writer.u32(crc32c(bytes_of(payload)));
  writer.u32(crc32c(writer.view()));
  GNOMON_CHECK(writer.size() == kRecordHeaderBytes);
  writer.text(payload);
  return text(std::move(writer));
}

SegmentScan scan_segment(Bytes file, std::uint64_t first_sequence) {
  SegmentScan scan;
  std::uint64_t next = first_sequence;
  std::size_t place = std::min(kSegmentHeaderBytes, file.size());
  scan.good_bytes = place;
  while (place < file.size()) {
    const auto header = decode_header(file.subspan(place));
    if (!header || header->record.first_sequence < next) {
      place = find_magic(file, place + 1);
      continue;
    }
    FoundRecord found;
    found.record = header->record;
    found.offset = place + kRecordHeaderBytes;
    found.length = header->length;
    const Bytes behind = file.subspan(place + kRecordHeaderBytes);
    if (header->length <= behind.size()) {
      found.payload_whole = crc32c(behind.first(header->length)) == header->payload_crc;
      place += kRecordHeaderBytes + header->length;
    } else {
      place = file.size();
    }
    scan.good_bytes = place;
    next = found.record.sequence + 1;
    scan.records.push_back(found);
  }
  scan.rubbish_tail = file.size() - scan.good_bytes;
  if (scan.rubbish_tail > 0) {
    // Each further magic in the rubbish may be a record of its own whose header is broken.
    scan.lost_at_tail = 1;
    for (std::size_t at = find_magic(file, static_cast<std::size_t>(scan.good_bytes) + 1);
         at < file.size(); at = find_magic(file, at + 1)) {
      ++scan.lost_at_tail;
    }
  }
  return scan;
}

std::optional<WholeRecord> read_record(Bytes bytes) {
  const auto header = decode_header(bytes);
  if (!header || bytes.size() - kRecordHeaderBytes < header->length) {
    return std::nullopt;
  }
  const Bytes payload = bytes.subspan(kRecordHeaderBytes, header->length);
  if (crc32c(payload) != header->payload_crc) {
    return std::nullopt;
  }
  return WholeRecord{header->record, payload};
}

}  // namespace gnomon
