// What simulated agents upload.

#pragma once

#include <cstdint>

#include "core/wire/batch.h"

namespace gnomon {

// sample_batch is a batch as a busy workstation makes it: two tools in five contacts, several
// roles, reasons on every fourth contact; its times end now.
Batch sample_batch(std::uint32_t contacts);

}  // namespace gnomon
