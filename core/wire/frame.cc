#include "core/wire/frame.h"

#include "core/check.h"

namespace gnomon::wire {

Result<std::size_t, WireError> frame_length(Bytes header, std::size_t limit) {
  ByteReader reader{header};
  const std::size_t length = reader.u32();
  if (!reader.ok()) {
    return Failure{WireError::truncated};
  }
  if (length == 0) {
    return Failure{WireError::malformed};
  }
  if (length > limit) {
    return Failure{WireError::over_limit};
  }
  return length;
}

std::string framed(std::string_view envelope) {
  GNOMON_CHECK(!envelope.empty() && envelope.size() <= UINT32_MAX);
  std::string frame;
  frame.reserve(kFrameHeaderBytes + envelope.size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>((envelope.size() >> shift) & 0xff));
  }
  frame.append(envelope);
  return frame;
}

}  // namespace gnomon::wire
