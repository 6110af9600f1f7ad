// The soak's judgement: what a collector stored against what agents' spools had promised.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/store/store.h"
#include "core/io_error.h"
#include "core/result.h"
#include "tests/load/soak_oracle.h"

namespace gnomon::soak {

// Verdict is sound when `faults` is empty.
struct Verdict {
  std::uint64_t promised_batches = 0;
  std::uint64_t promised_contacts = 0;
  std::uint64_t stored_batches = 0;
  std::uint64_t stored_contacts = 0;
  std::uint64_t unpromised_stored = 0;        // the process died between the spool's word and ours
  std::map<std::string, std::uint64_t> gaps;  // by reason: how many records
  std::map<std::string, std::uint64_t> declared_contacts;  // by reason: how many contacts
  // Promised, not stored, and declared: "counted" by a gap, or named by one of this reason.
  std::map<std::string, std::uint64_t> missing_contacts;
  std::uint64_t faults_found = 0;
  std::vector<std::string> faults;  // the first few, in words
};

// verify reads the whole store and then makes its totals anew:
// - every contact is stored at most once, and none that nobody meant to store;
// - the sequences of an agent have no hole, and end at its cursor;
// - a promised contact that is missing lies in a batch whose place in the store holds a gap that
//   counts it, exactly, or (of a damaged record, or of one that was kept its three days) names its
//   sequence;
// - the totals are, byte for byte, what the stored batches give.
// The oracle is by agent number, `names` says under which id each of them enrolled.
Result<Verdict, IoError> verify(Store& store, const std::map<std::uint32_t, AgentOracle>& oracle,
                                const std::map<std::uint32_t, std::string>& names);

}  // namespace gnomon::soak
