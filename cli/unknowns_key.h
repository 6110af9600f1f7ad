// The company's key for tokens of domains outside the catalogue, on its way into join tokens.

#pragma once

#include <string>

#include "core/result.h"

namespace gnomon::cli {

// unknowns_key reads the key from the file at `path`, and makes both when there is none yet. It
// never goes to the collector's process: only into join tokens, here. The failure is one sentence.
Result<std::string, std::string> unknowns_key(const std::string& path);

}  // namespace gnomon::cli
