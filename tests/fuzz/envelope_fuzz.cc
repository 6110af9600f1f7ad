// Property: what decodes can be encoded, and that decodes to the same bytes again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/file.h"
#include "core/wire/frame.h"
#include "core/wire/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gnomon;  // NOLINT(google-build-using-namespace): one function, one file
  const Bytes input{data, size};
  const auto length = wire::frame_length(input, wire::kMaxFrameBytes);
  if (!length || *length > input.size() - wire::kFrameHeaderBytes) {
    return 0;
  }
  const auto envelope = wire::decode(input.subspan(wire::kFrameHeaderBytes, *length));
  if (!envelope || std::holds_alternative<wire::Unknown>(*envelope)) {
    return 0;
  }
  const std::string again = wire::encode(*envelope);
  const auto twice = wire::decode(bytes_of(again));
  if (!again.empty() && (!twice || wire::encode(*twice) != again)) {
    __builtin_trap();
  }
  return 0;
}
