// Frames: a 4-byte big-endian length, then that many bytes of an envelope.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/byte_reader.h"
#include "core/result.h"
#include "core/wire/wire_error.h"

namespace gnomon::wire {

constexpr std::size_t kFrameHeaderBytes = 4;

// kMaxFrameBytes bounds a frame between an enrolled agent and its collector: a compressed batch of
// the largest kind (kMaxCompressedBatchBytes) with its envelope.
constexpr std::size_t kMaxFrameBytes = (std::size_t{1} << 20) + 4096;

// kMaxHelloFrameBytes bounds frames before the peer has said who it is and what it speaks, and all
// frames of enrolment and administration.
constexpr std::size_t kMaxHelloFrameBytes = std::size_t{64} << 10;

// frame_length reads a frame's header. A length of zero is malformed, one above `limit` is
// over_limit: ask before anything is allocated.
Result<std::size_t, WireError> frame_length(Bytes header, std::size_t limit);

// framed puts the header before an envelope. The envelope must not be empty nor exceed 4 GiB.
std::string framed(std::string_view envelope);

}  // namespace gnomon::wire
