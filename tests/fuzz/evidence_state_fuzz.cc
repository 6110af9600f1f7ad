#include "agent/evidence/state_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto decoded = gnomon::StateCodec::decode(gnomon::Bytes{data, size});
  if (decoded) {
    // Property: what was accepted survives another round.
    const auto bytes = gnomon::StateCodec::encode(decoded->states, decoded->learning_until);
    if (!gnomon::StateCodec::decode(bytes)) {
      __builtin_trap();
    }
  }
  return 0;
}
