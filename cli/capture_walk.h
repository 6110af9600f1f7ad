// CaptureWalk: capture files through the rooms capture, decode, flow and sight.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/capture/packet_source.h"
#include "agent/decode/decoder.h"
#include "agent/flow/flow_table.h"
#include "agent/sight/sight.h"
#include "agent/sight/sighting_sink.h"
#include "core/counters.h"

namespace gnomon::cli {

// CaptureWalk reads files one after the other as one history: what was learned from DNS in one
// holds in the next, flows end with their file. `sink` must outlive it.
class CaptureWalk {
 public:
  explicit CaptureWalk(SightingSink& sink);

  // read hands all sightings of a file to the sink. What comes back is why the file, or its rest,
  // could not be read; nothing when all of it was.
  std::optional<CaptureError> read(const std::string& path);

  const Counters& counters() const { return counters_; }
  std::uint64_t packets() const { return packets_; }

 private:
  Counters counters_;
  Decoder decoder_;
  FlowTable flows_;
  Sight sight_;
  std::uint64_t packets_ = 0;
};

}  // namespace gnomon::cli
