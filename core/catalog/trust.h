// Trust: who may sign rule packs, and how that changes without anybody going from desk to desk.
//
// A root record is a short text that names the pack keys and the root keys, signed by the root
// keys. Its first version is installed with the program (the trust file); later versions travel
// inside packs, each signed by enough keys of the one before and enough of its own. The layout is
// in FORMAT.md.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/catalog/rule_pack.h"
#include "core/catalog/signing.h"
#include "core/result.h"

namespace gnomon {

// kMaxTrustBytes bounds a root record: 16 keys of each kind and their signatures fit many times.
constexpr std::size_t kMaxTrustBytes = std::size_t{16} << 10;
// kMaxKeys bounds the keys of one kind in a root record.
constexpr std::size_t kMaxKeys = 16;
// kMaxRootSteps bounds how many root records one pack may carry.
constexpr std::size_t kMaxRootSteps = 64;

// parse_trust reads a root record and checks it against its own root keys.
Result<TrustedKeys, PackError> parse_trust(std::string_view text);

// read_trust does the same with a file.
Result<TrustedKeys, PackError> read_trust(const std::string& path);

// write_trust stores the root record of `keys` (one that a pack brought), whole or not at all.
Result<Ok, PackError> write_trust(const std::string& path, const TrustedKeys& keys);

// follow_roots walks from `trusted` along root records (oldest first). Records that are not newer
// are skipped; a newer one must be the next version, and be signed by `root_threshold` of the keys
// trusted so far and by its own. Without `now`, expiry is not looked at.
Result<TrustedKeys, PackError> follow_roots(const TrustedKeys& trusted,
                                            const std::vector<std::string_view>& records,
                                            std::optional<WallTime> now);

// make_root writes the record of `keys` (versions, thresholds, expiry) and signs it.
std::string make_root(const TrustedKeys& keys, const std::vector<SecretKey>& signers);

}  // namespace gnomon
