// What `status` and `explain` say about domains outside the catalogue.

#pragma once

#include <string>

#include "agent/config.h"
#include "agent/match/unknown_ledger.h"
#include "agent/unknown_reports.h"

namespace gnomon {

// unknowns_status says in a few lines how much is remembered, whether tokens leave and why not, and
// what was told in clear text.
std::string unknowns_status(const Config& config, const UnknownLedger& ledger,
                            const UnknownReports& reports);

// unknowns_list names every domain that is remembered, newest first, at most `limit` of them, with
// what has left of it.
std::string unknowns_list(const UnknownLedger& ledger, const UnknownReports& reports,
                          std::size_t limit);

// unknowns_json is one JSON object a domain, by name.
std::string unknowns_json(const UnknownLedger& ledger, const UnknownReports& reports);

}  // namespace gnomon
