// When a capture file begins.

#pragma once

#include <optional>
#include <string>

#include "agent/capture/packet_source.h"
#include "core/clock.h"
#include "core/result.h"

namespace gnomon {

// first_packet_time opens a capture file just for its first packet's time; nullopt when it holds
// none, or none that is whole. Fails as FilePacketSource::open does. Not for standard input, which
// can be read once only.
Result<std::optional<WallTime>, CaptureError> first_packet_time(const std::string& path);

}  // namespace gnomon
