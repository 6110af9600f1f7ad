// Digests: makes the digest of a week, and freezes it once the week is over.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/digest/digest.h"
#include "collector/query/query.h"
#include "collector/storage/meta_store.h"

namespace gnomon {

// Digests hands out the digest of any week. The first time it is asked for a week that is over by
// a day (so that laptops closed on Friday have reported), it stores what it made: from then on
// everybody reads the same words, whatever arrives later. All it is given must outlive it.
class Digests {
 public:
  Digests(const Query& query, const Review& review, MetaStore& store, const Clock& clock,
          DigestPolicy policy, const UnknownList* unknowns = nullptr)
      : query_(query),
        review_(review),
        store_(store),
        clock_(clock),
        policy_(policy),
        unknowns_(unknowns) {}

  // of yields the issued digest, or makes one. With `freeze` false nothing is stored: for a folder
  // that is opened for reading only.
  Result<Digest, IoError> of(Week week, bool freeze) const;

  // issued yields the weeks whose digests are frozen, oldest first.
  Result<std::vector<Week>, IoError> issued() const;

 private:
  Result<Digest, IoError> make(Week week) const;

  const Query& query_;
  const Review& review_;
  MetaStore& store_;
  const Clock& clock_;
  DigestPolicy policy_;
  const UnknownList* unknowns_;  // absent: the digest does not tell of unknown domains
};

}  // namespace gnomon
