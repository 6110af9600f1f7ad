// Admit: from an upload to a batch that may be counted.

#pragma once

#include <chrono>
#include <cstdint>

#include "collector/ingest/upload.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/wire/batch.h"
#include "core/wire/wire_error.h"

namespace gnomon {

// AdmitLimits bound how far an agent's clock may be from ours before its times are corrected.
struct AdmitLimits {
  // Clocks of enrolled machines drift by minutes; certificates allow ten as well.
  std::chrono::minutes max_ahead{10};
  // A laptop may come back after a long leave, but not after more than a year: a batch older than
  // that was sealed by a machine whose clock had lost its battery.
  std::chrono::hours max_age{24 * 400};
};

// Admitted is one upload, decoded and with its times corrected.
struct Admitted {
  BatchId id;
  std::uint64_t first_sequence = 0;
  WallTime received;  // our own clock's word, kept beside every time the agent states
  std::chrono::nanoseconds clock_ahead{0};  // how far the agent's clock was wrong, 0 within limits
  std::uint32_t contacts_clamped = 0;       // still after their receipt or too old, and moved
  Batch batch;
};

// Admit decodes uploads, holds them to the limits of core/wire/batch.h and corrects clocks.
//
// A batch sealed in the future, or impossibly long ago, says by how much its agent's clock is
// wrong: it was sealed at the latest when it was received. All its times are moved by that much,
// so that no contact is lost to a wrong clock and none can land in a week to come. A time that is
// out of the limits even then is set to the nearest limit. A batch that does not say when it was
// sealed is taken at its word.
//
// The outcome depends on the upload and the limits alone, so that totals can be rebuilt from the
// stored uploads. Safe from every thread.
class Admit {
 public:
  explicit Admit(const AdmitLimits& limits) : limits_(limits) {}

  Result<Admitted, wire::WireError> admit(const Upload& upload) const;

 private:
  AdmitLimits limits_;
};

}  // namespace gnomon
