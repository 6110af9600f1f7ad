// Retro-match: what is reported when the catalogue learns a domain that this machine met before.

#pragma once

#include <cstdint>
#include <vector>

#include "agent/match/unknown_ledger.h"
#include "core/contact.h"

namespace gnomon {

// retro_contacts makes of each tool and role one contact at the true first sighting and, when the
// last one was on another day, one at that. They say in their evidence that they were recovered,
// carry no counts (the ledger keeps none by source), and claim no more than names can show long
// after: `visited` for what was opened, `mentioned` for what was only looked up, `embedded` for
// what other sites' pages carried or the catalogue calls a role that is never a use.
std::vector<Contact> retro_contacts(const std::vector<Learnt>& learnt, std::uint32_t pack_version);

}  // namespace gnomon
