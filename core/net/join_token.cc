#include "core/net/join_token.h"

#include "core/net/crypto.h"

namespace gnomon {

std::string to_string(const JoinToken& token) {
  return "gn1." + token.id + '.' + to_hex(token.secret) + '.' + to_hex(token.root_key_sha256);
}

std::optional<JoinToken> parse_join_token(std::string_view text) {
  constexpr std::string_view kFront = "gn1.";
  if (!text.starts_with(kFront)) {
    return std::nullopt;
  }
  text.remove_prefix(kFront.size());
  const std::size_t first = text.find('.');
  const std::size_t second = text.find('.', first == std::string_view::npos ? first : first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return std::nullopt;
  }
  JoinToken token;
  token.id = text.substr(0, first);
  const auto secret = from_hex(text.substr(first + 1, second - first - 1));
  const auto hash = from_hex(text.substr(second + 1));
  if (token.id.size() < 8 || token.id.size() > 32 || !from_hex(token.id) || !secret ||
      secret->size() != 16 || !hash || hash->size() != 32) {
    return std::nullopt;
  }
  token.secret = *secret;
  token.root_key_sha256 = *hash;
  return token;
}

}  // namespace gnomon
