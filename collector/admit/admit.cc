#include "collector/admit/admit.h"

#include <algorithm>
#include <utility>

#include "core/file.h"

namespace gnomon {
namespace {

// moved gives time + by, at the ends of what WallTime can hold instead of past them.
WallTime moved(WallTime time, std::chrono::nanoseconds by) {
  if (by.count() > 0 && time > WallTime::max() - by) {
    return WallTime::max();
  }
  if (by.count() < 0 && time < WallTime::min() - by) {
    return WallTime::min();
  }
  return time + by;
}

// clock_error is how far the sealing clock was wrong, 0 when it may have been right.
std::chrono::nanoseconds clock_error(WallTime sealed, WallTime received,
                                     const AdmitLimits& limits) {
  if (sealed == WallTime{}) {
    return std::chrono::nanoseconds{0};
  }
  if (sealed > moved(received, limits.max_ahead) || sealed < moved(received, -limits.max_age)) {
    // Both ends are clamped so that the difference itself cannot overflow.
    const WallTime earliest{std::chrono::nanoseconds{0}};
    return std::max(sealed, earliest) - received;
  }
  return std::chrono::nanoseconds{0};
}

}  // namespace

Result<Admitted, wire::WireError> Admit::admit(const Upload& upload) const {
  auto decoded = wire::decode_batch(bytes_of(upload.encoded));
  if (!decoded) {
    return Failure{decoded.error()};
  }
  Admitted admitted;
  admitted.id = upload.id;
  admitted.first_sequence = upload.first_sequence;
  admitted.received = upload.received;
  admitted.batch = std::move(*decoded);
  Batch& batch = admitted.batch;

  admitted.clock_ahead = clock_error(batch.sealed, upload.received, limits_);
  const WallTime latest = moved(upload.received, limits_.max_ahead);
  const WallTime earliest = moved(upload.received, -limits_.max_age);
  const auto corrected = [&](WallTime time) {
    return std::clamp(moved(time, -admitted.clock_ahead), earliest, latest);
  };
  for (Contact& contact : batch.contacts) {
    const WallTime first = moved(contact.first, -admitted.clock_ahead);
    const WallTime last = moved(contact.last, -admitted.clock_ahead);
    if (first < earliest || last > latest) {
      ++admitted.contacts_clamped;
    }
    for (WallTime* time :
         {&contact.first, &contact.last, &contact.window_begin, &contact.window_end}) {
      *time = corrected(*time);
    }
    for (Evidence& line : contact.evidence) {
      line.when = corrected(line.when);
    }
  }
  for (Gap& gap : batch.gaps) {
    gap.from = corrected(gap.from);
    gap.to = corrected(gap.to);
  }
  for (TokenReport& report : batch.unknowns) {
    for (std::uint32_t* day : {&report.first_day, &report.last_day}) {
      // By their noon, so that a clock that is off by minutes moves no day.
      const WallTime noon{std::chrono::days{*day} + std::chrono::hours{12}};
      const auto days = std::chrono::floor<std::chrono::days>(corrected(noon)).time_since_epoch();
      *day = static_cast<std::uint32_t>(std::max(days.count(), decltype(days.count()){0}));
    }
  }
  if (batch.health) {
    batch.health->when = corrected(batch.health->when);
  }
  batch.sealed = corrected(batch.sealed);
  return admitted;
}

}  // namespace gnomon
