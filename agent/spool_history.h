// SpoolHistory: reads everything a spool still holds, also while an agent is using it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/spool/record_cipher.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"
#include "core/wire/batch.h"

namespace gnomon {

// ReportedBatch is one batch as it was or will be sent.
struct ReportedBatch {
  std::uint64_t sequence = 0;
  Batch batch;
};

struct SpoolHistory {
  std::vector<ReportedBatch> batches;  // oldest first
  std::uint64_t unreadable = 0;        // damaged records, or sealed with a key that is not here
};

// read_spool reads the segments in `directory` without locking or changing them. An agent that is
// writing may be in the middle of a record: that one is left out. No folder: an empty history.
// Without a cipher sealed records are unreadable.
Result<SpoolHistory, IoError> read_spool(FileSystem& files, const std::string& directory,
                                         const RecordCipher* cipher);

}  // namespace gnomon
