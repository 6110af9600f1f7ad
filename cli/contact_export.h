// ContactExport: every contact a collector has stored, for audits and for tests.

#pragma once

#include <string>

#include "cli/output.h"

namespace gnomon::cli {

// export_contacts writes one JSON object a line for each contact in the data folder `directory`,
// also while a collector is using it. Yields an error in one sentence, empty when all were written.
std::string export_contacts(const std::string& directory, Output& output);

}  // namespace gnomon::cli
