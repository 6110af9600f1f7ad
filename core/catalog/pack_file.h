// The container of a pack: sizes, root records, manifest, signatures, body. The layout is in
// FORMAT.md; what the body holds is the business of pack_body.h.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/rule_pack.h"
#include "core/catalog/signing.h"
#include "core/result.h"

namespace gnomon {

enum class PackKind : std::uint8_t { catalogue = 1, overlay = 2 };

// Manifest is what is signed; it holds the body's hash, so the body is signed too.
struct Manifest {
  std::uint32_t version = 0;  // strictly increasing
  WallTime created;           // whole seconds
  WallTime expires;
  std::uint16_t needs_format = 2;  // lowest format version that a reader must know
};

// OpenedPack borrows its body from the bytes given to open_pack.
struct OpenedPack {
  Manifest manifest;
  Bytes body;
  TrustedKeys trusted;  // after the root records of the pack were followed
};

// open_pack checks everything about a pack but the inside of its body.
Result<OpenedPack, PackError> open_pack(Bytes file, PackKind kind, const TrustedKeys& trusted,
                                        const PackLimits& limits);

// read_pack_bytes reads a file that may be a pack; its size is checked first.
Result<std::vector<std::uint8_t>, PackError> read_pack_bytes(const std::string& path);

// seal_pack makes a pack file: the same input gives the same bytes. `roots` are root records,
// oldest first; may be empty.
std::vector<std::uint8_t> seal_pack(Bytes body, PackKind kind, const Manifest& manifest,
                                    const std::vector<std::string>& roots,
                                    const std::vector<SecretKey>& signers);

// PackParts is a pack taken apart without looking at signatures, to show it or to sign it anew.
struct PackParts {
  PackKind kind = PackKind::catalogue;
  Manifest manifest;
  std::vector<std::string> roots;
  std::vector<KeyId> signer_ids;
  Bytes body;  // borrowed; its hash is the manifest's
};
Result<PackParts, PackError> take_apart(Bytes file);

}  // namespace gnomon
