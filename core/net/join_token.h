// JoinToken: what lets a machine enrol, and tells it whom it may trust.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gnomon {

// JoinToken as text: "gn1.<id>.<secret>.<hash>", secret and hash in hexadecimal. The hash is the
// SHA-256 of the collector's root key, so that the very first connection is pinned.
//
// A fifth part may follow, "unknowns_key": the company's secret for tokens of domains outside the
// catalogue. Whoever hands out the token adds it; an enrolling machine keeps it and never sends it,
// so the collector does not learn it (docs/decisions/2026-11-25-unknown-domains.md).
struct JoinToken {
  std::string id;               // 8 to 32 hexadecimal digits
  std::string secret;           // 16 bytes
  std::string root_key_sha256;  // 32 bytes
  std::string unknowns_key;     // 32 bytes, or empty: none
};

// kUnknownsKeyBytes is the length of that secret: as strong as the HMAC it keys.
constexpr std::size_t kUnknownsKeyBytes = 32;

std::string to_string(const JoinToken& token);
std::optional<JoinToken> parse_join_token(std::string_view text);

}  // namespace gnomon
