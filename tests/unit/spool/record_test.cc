#include "agent/spool/record.h"

#include <string>

#include "agent/spool/crc32c.h"
#include "core/file.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

using testing::test_time;

Record record_of(std::uint64_t sequence) {
  Record record;
  record.first_sequence = sequence;
  record.sequence = sequence;
  record.sealed = test_time();
  record.contacts = 3;
  return record;
}

std::string segment_of(std::uint64_t from, std::uint64_t to) {
  std::string file = encode_segment_header(SegmentHeader{9, from, test_time(), 0});
  for (std::uint64_t sequence = from; sequence <= to; ++sequence) {
    file += encode_record(record_of(sequence), "payload " + std::to_string(sequence));
  }
  return file;
}

TEST_CASE("CRC-32C: the check values of RFC 3720", "[agent][spool]") {
  CHECK(crc32c(bytes_of("123456789")) == 0xe3069283);
  CHECK(crc32c(bytes_of(std::string(32, '\0'))) == 0x8a9136aa);
  CHECK(crc32c(bytes_of(std::string(32, '\xff'))) == 0x62a8ab43);
  const std::string text = "the whole is the sum of its parts, in any cut";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CHECK(crc32c(bytes_of(text.substr(cut)), crc32c(bytes_of(text.substr(0, cut)))) ==
          crc32c(bytes_of(text)));
  }
}

TEST_CASE("Segment: header and records come back", "[agent][spool]") {
  const SegmentHeader header{77, 12, test_time(5), 2};
  const std::string bytes = encode_segment_header(header);
  REQUIRE(bytes.size() == kSegmentHeaderBytes);
  CHECK(decode_segment_header(bytes_of(bytes)) == header);

  const std::string file = segment_of(5, 7);
  const SegmentScan scan = scan_segment(bytes_of(file), 5);
  REQUIRE(scan.records.size() == 3);
  CHECK(scan.records[1].record == record_of(6));
  CHECK(scan.records[1].payload_whole);
  CHECK(file.substr(scan.records[1].offset, scan.records[1].length) == "payload 6");
  CHECK(scan.good_bytes == file.size());
  CHECK(scan.lost_at_tail == 0);
}

TEST_CASE("Segment: one byte changed costs at most the record it is in", "[agent][spool]") {
  const std::string good = segment_of(1, 4);
  const auto whole = scan_segment(bytes_of(good), 1);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int change : {0x01, 0x80, 0xff}) {
      CAPTURE(i, change);
      std::string file = good;
      file[i] = static_cast<char>(file[i] ^ change);
      std::size_t readable = 0;
      const auto scan = scan_segment(bytes_of(file), 1);
      for (const FoundRecord& found : scan.records) {
        if (found.payload_whole) {
          ++readable;
          const std::string payload = file.substr(found.offset, found.length);
          CHECK(payload == "payload " + std::to_string(found.record.sequence));
        }
      }
      CHECK(readable == (i < kSegmentHeaderBytes ? 4 : 3));
      CHECK(scan.records.size() + scan.lost_at_tail >= 3);
    }
  }
}

TEST_CASE("Segment: every torn tail keeps all records before it", "[agent][spool]") {
  const std::string good = segment_of(1, 3);
  const auto whole = scan_segment(bytes_of(good), 1);
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    const auto scan = scan_segment(bytes_of(good).first(size), 1);
    std::size_t expected = 0;
    for (const FoundRecord& found : whole.records) {
      expected += found.offset + found.length <= size ? 1 : 0;
    }
    std::size_t readable = 0;
    for (const FoundRecord& found : scan.records) {
      readable += found.payload_whole ? 1 : 0;
    }
    CHECK(readable == expected);
  }
}

TEST_CASE("Segment: rubbish at the end counts the records it may have been", "[agent][spool]") {
  std::string file = segment_of(1, 3);
  const auto whole = scan_segment(bytes_of(file), 1);
  // The headers of the last two records.
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    file[whole.records[i].offset - kRecordHeaderBytes + 9] ^= 0x40;
  }
  const auto scan = scan_segment(bytes_of(file), 1);
  REQUIRE(scan.records.size() == 1);
  CHECK(scan.lost_at_tail == 2);
}

TEST_CASE("Segment: a record that goes back in sequence does not count", "[agent][spool]") {
  const std::string file =
      segment_of(5, 6) + encode_record(record_of(6), "again") + encode_record(record_of(7), "next");
  const auto scan = scan_segment(bytes_of(file), 5);
  REQUIRE(scan.records.size() == 3);
  CHECK(scan.records[2].record.sequence == 7);
  CHECK(scan_segment(bytes_of(file), 7).records.size() == 1);
}

}  // namespace
}  // namespace gnomon
