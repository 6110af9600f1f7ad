// Identity: the agent's key, its certificate, and whom it trusts, as files.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/io_error.h"
#include "core/net/certificate.h"
#include "core/net/keys.h"
#include "core/result.h"

namespace gnomon {

// Identity lies in a folder of its own as one file, identity.pem (0600): the agent's key, its
// certificate with issuers, and last the collector's root.
struct Identity {
  std::string agent;  // UUID
  PrivateKey key;
  std::vector<Certificate> chain;  // the agent's own first
  Certificate root;
};

// load_identity yields nullopt when the agent was never enrolled. A folder that holds something
// else, or half of it, is an error.
Result<std::optional<Identity>, IoError> load_identity(FileSystem& files,
                                                       const std::string& directory);

// overlay_trust_path is where enrolling puts the root record of the collector's overlays
// (core/catalog/trust.h). Only overlays are held to it, never the catalogue.
std::string overlay_trust_path(const std::string& directory);

// store_overlay_trust replaces what is there; an empty text removes it.
Result<Ok, IoError> store_overlay_trust(FileSystem& files, const std::string& directory,
                                        const std::string& text);

// store_identity replaces what is there. One file, so that no crash leaves a key without its
// certificate.
Result<Ok, IoError> store_identity(FileSystem& files, const std::string& directory,
                                   const Identity& identity);

}  // namespace gnomon
