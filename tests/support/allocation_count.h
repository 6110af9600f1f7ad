// What a program allocates. Linking gnomon_allocation_count replaces every form of operator new of
// the program that links it, also under a sanitizer, so such a program stands alone.

#pragma once

#include <cstddef>
#include <cstdint>

namespace gnomon::testing {

// allocations is how often anything was allocated since the program began.
std::uint64_t allocations();

// live_bytes is what is allocated at the moment. Signed: what came by another way than operator
// new may go by operator delete.
std::ptrdiff_t live_bytes();

}  // namespace gnomon::testing
