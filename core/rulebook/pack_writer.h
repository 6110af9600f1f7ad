// Writing the body of a pack.

#pragma once

#include <cstdint>
#include <vector>

#include "core/catalog/pack_body.h"

namespace gnomon {

// encode_body gives the body of a pack. The same content gives the same bytes, in whatever order
// its tools and rules stand. References within `content` must be valid.
std::vector<std::uint8_t> encode_body(const PackContent& content);

}  // namespace gnomon
