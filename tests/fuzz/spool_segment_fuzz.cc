// Properties: what a scan finds lies inside the file, in ascending order, and reading a record that
// the scan calls whole yields that record.
#include <cstddef>
#include <cstdint>

#include "agent/spool/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gnomon;  // NOLINT(google-build-using-namespace): one function, one file
  const Bytes file{data, size};
  static_cast<void>(decode_segment_header(file).has_value());
  const SegmentScan scan = scan_segment(file, 1);
  std::uint64_t last = 0;
  bool fine = scan.good_bytes + scan.rubbish_tail == size || size < kSegmentHeaderBytes;
  for (const FoundRecord& found : scan.records) {
    fine = fine && found.record.first_sequence > last && found.offset <= size;
    last = found.record.sequence;
    const auto whole = read_record(file.subspan(found.offset - kRecordHeaderBytes));
    fine = fine && whole.has_value() == found.payload_whole;
    fine = fine && (!whole || whole->record == found.record);
  }
  if (!fine || (scan.rubbish_tail > 0) != (scan.lost_at_tail > 0)) {
    __builtin_trap();
  }
  return 0;
}
