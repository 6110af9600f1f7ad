// JoinToken: what lets a machine enrol, and tells it whom it may trust.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gnomon {

// JoinToken as text: "gn1.<id>.<secret>.<hash>", secret and hash in hexadecimal. The hash is the
// SHA-256 of the collector's root key, so that the very first connection is pinned.
struct JoinToken {
  std::string id;               // 8 to 32 hexadecimal digits
  std::string secret;           // 16 bytes
  std::string root_key_sha256;  // 32 bytes
};

std::string to_string(const JoinToken& token);
std::optional<JoinToken> parse_join_token(std::string_view text);

}  // namespace gnomon
