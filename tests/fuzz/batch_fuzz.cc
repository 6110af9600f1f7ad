// Property: a batch that decodes fits, and encoding it is the identity.
#include <cstddef>
#include <cstdint>

#include "core/file.h"
#include "core/wire/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gnomon;  // NOLINT(google-build-using-namespace): one function, one file
  const Bytes input{data, size};
  if (const auto plain = wire::decompress(input, kMaxBatchBytes)) {
    static_cast<void>(wire::decode_batch(bytes_of(*plain)).has_value());
  }
  const auto batch = wire::decode_batch(input);
  if (batch) {
    const auto again = wire::decode_batch(bytes_of(wire::encode_batch(*batch)));
    if (!wire::fits(*batch) || !again || !(*again == *batch)) {
      __builtin_trap();
    }
  }
  return 0;
}
