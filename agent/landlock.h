// Landlock: the kernel's own list of files and ports for one thread (landlock(7)).

#pragma once

#include "agent/confinement.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// restrict_with_landlock holds the calling thread and those it starts later to `reach`, for good.
// `version` is landlock_version() and at least 1.
Result<Ok, IoError> restrict_with_landlock(const Reach& reach, int version);

}  // namespace gnomon
