// What of a week could be seen, and by how many agents.

#pragma once

#include "collector/query/answer.h"
#include "collector/query/span.h"
#include "collector/storage/snapshot.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// read_coverage fills in the answer's coverage, and how fresh it is.
Result<Ok, IoError> read_coverage(const Snapshot& snapshot, const Span& span, WeekAnswer& answer);

}  // namespace gnomon
