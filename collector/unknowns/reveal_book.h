// RevealBook: the domains outside the catalogue that were revealed, and the record of how.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/rollup/calendar.h"
#include "collector/rollup/totals.h"
#include "collector/storage/audit_trail.h"
#include "collector/storage/meta_store.h"
#include "core/clock.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// RevealedDomain is a domain that may be read here, with the tokens that stood for it: one an
// epoch.
struct RevealedDomain {
  std::string domain;
  std::vector<TokenId> tokens;
  WallTime revealed;              // the first time
  std::uint32_t min_devices = 0;  // so many had to hold it then
};

enum class RevealOutcome : std::uint8_t {
  asked,     // enough devices hold the token: its name is asked for
  revealed,  // believed
  known,     // believed, and the catalogue knows it by now: not listed
  disputed,  // the devices do not agree; given up
};

std::string_view to_string(RevealOutcome outcome);

// RevealRecord is one line of the audit record. Devices are counted, never named.
struct RevealRecord {
  std::uint64_t number = 0;  // from 1
  WallTime when;
  RevealOutcome outcome = RevealOutcome::asked;
  TokenId token;
  std::string domain;         // empty unless it was believed
  std::uint32_t devices = 0;  // that held the token
  std::uint32_t days = 0;     // different first and last days among them
  std::uint32_t told = 0;     // devices that told a name
  std::uint32_t agreed = 0;   // of them, that told the one believed
};

// RevealBook keeps both in a MetaStore. A record and what it tells of are written in one step;
// records are never changed and never removed. Safe from every thread; blocks on the disk.
class RevealBook {
 public:
  RevealBook(MetaStore& store, const Clock& clock)
      : store_(store), clock_(clock), trail_(store, "unknowns") {}

  // write adds a record, with its number and time. With `revealed` the token belongs to the
  // record's domain from now on.
  Result<Ok, IoError> write(RevealRecord record, std::uint32_t min_devices);

  Result<std::vector<RevealedDomain>, IoError> domains() const;  // by name
  Result<std::vector<RevealRecord>, IoError> record() const;     // in its order

 private:
  Result<std::optional<RevealedDomain>, IoError> find(const std::string& domain) const;

  MetaStore& store_;
  const Clock& clock_;
  AuditTrail trail_;
};

}  // namespace gnomon
