// OverlayKeys: the keys that sign a company's overlays, and the records by which agents follow when
// they are replaced.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/catalog/signing.h"
#include "core/catalog/trust.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"

namespace gnomon {

// OverlayKeys has a pair of keys: one signs overlays, the other (the root) only root records.
// Agents are given the record of the day when they enrol. Replacing the keys makes a new pair and a
// record that the old root has signed; it travels in every overlay from then on, so that an agent
// follows from whichever record it knows, and believes the old keys no more.
//
// In the folder: overlay.trust, the newest record, with overlay.key and overlay-root.key beside it;
// after the Nth replacing overlay-M.key, overlay-root-M.key and overlay-M.trust, M being N + 1.
// The secrets of before are removed. A crash on the way leaves either the old pair or the new one
// in force. The root's secret may be kept elsewhere; it is needed for replacing alone.
//
// A value; one thread at a time.
class OverlayKeys {
 public:
  // open reads what is in the folder, or makes the first pair. A sentence when that fails.
  static Result<OverlayKeys, std::string> open(FileSystem& files, std::string folder, WallTime now);

  const SecretKey& key() const { return key_; }
  // trust is the newest record: what agents get when they enrol.
  const TrustedKeys& trust() const { return trust_; }
  // records are those after the first one, oldest first.
  const std::vector<std::string>& records() const { return records_; }

  // replace makes and stores a new pair, and forgets the old secrets. A sentence when that fails:
  // then the old pair is in force.
  Result<Ok, std::string> replace(FileSystem& files, WallTime now);

 private:
  OverlayKeys(std::string folder, SecretKey key, TrustedKeys trust,
              std::vector<std::string> records)
      : folder_(std::move(folder)),
        key_(std::move(key)),
        trust_(std::move(trust)),
        records_(std::move(records)) {}

  std::string folder_;
  SecretKey key_;
  TrustedKeys trust_;
  std::vector<std::string> records_;
};

}  // namespace gnomon
