// Property: a policy that decodes can be encoded, and that decodes to the same policy again; its
// envelope likewise.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/file.h"
#include "core/wire/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gnomon;  // NOLINT(google-build-using-namespace): one function, one file
  const Bytes input{data, size};
  if (const auto parts = wire::decode_signed_policy(input)) {
    const std::string again = wire::encode(*parts);
    const auto twice = wire::decode_signed_policy(bytes_of(again));
    if (!twice || wire::encode(*twice) != again) {
      __builtin_trap();
    }
    if (const auto policy = wire::decode_policy(bytes_of(parts->policy))) {
      const auto same = wire::decode_policy(bytes_of(wire::encode(*policy)));
      if (!same || !(*same == *policy)) {
        __builtin_trap();
      }
    }
  }
  if (const auto policy = wire::decode_policy(input)) {
    const auto same = wire::decode_policy(bytes_of(wire::encode(*policy)));
    if (!same || !(*same == *policy)) {
      __builtin_trap();
    }
  }
  return 0;
}
