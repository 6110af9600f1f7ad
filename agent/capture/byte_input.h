// ByteInput: the bytes of a file or pipe, unpacked where they are packed, front to back.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "agent/capture/packet_source.h"
#include "core/result.h"

namespace gnomon {

// ByteInput fills buffers with what comes next. Memory is bounded whatever the input says.
class ByteInput {
 public:
  ByteInput() = default;
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;
  virtual ~ByteInput() = default;

  // read puts at least one byte into `into` (which is not empty) and yields how many; 0 at the
  // end. A packed input that breaks off or is corrupt is `damaged`.
  virtual Result<std::size_t, CaptureError> read(std::span<std::uint8_t> into) = 0;
};

// open_input opens `path`, "-" for standard input, and looks at the first bytes: gzip and zstd
// are unpacked on the way. Fails with `unreadable` or `empty`.
Result<std::unique_ptr<ByteInput>, CaptureError> open_input(const std::string& path);

}  // namespace gnomon
