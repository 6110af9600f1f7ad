// fetch: one HTTP GET, for commands that ask a running collector.

#pragma once

#include <cstddef>
#include <string>

#include "core/result.h"

namespace gnomon::cli {

// fetch yields the body of a 200 answer of at most `limit` bytes, or one sentence on why there is
// none. It follows no redirect and gives up after half a minute.
Result<std::string, std::string> fetch(const std::string& url, std::size_t limit);

}  // namespace gnomon::cli
