// ReplayPlan: which captures a replay plays, in what order, and at which time.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/capture/packet_source.h"
#include "agent/memory_file.h"
#include "core/clock.h"
#include "core/result.h"

namespace gnomon {

// PlannedCapture is one file of a replay.
struct PlannedCapture {
  std::string path;
  std::optional<WallTime> first;  // its first packet's time; nullopt when it holds none
};

// plan_captures opens each file once and puts them in the order of their first packets: several
// files are one machine's history. Files of no packets come last. Fails with the first file that
// cannot be opened or is no capture; one that is cut short is no failure.
Result<std::vector<PlannedCapture>, CaptureError> plan_captures(
    const std::vector<std::string>& paths);

// replay_id hashes the captures' contents and `terms`, which must name all else that the contacts
// depend on. Fails with the first file that cannot be read.
Result<ReplayId, IoError> replay_id(const std::vector<PlannedCapture>& captures,
                                    std::string_view terms);

// parse_time reads "2026-11-16T09:10", with or without seconds and a final Z: always UTC.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace gnomon
