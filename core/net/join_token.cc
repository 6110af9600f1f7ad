#include "core/net/join_token.h"

#include <utility>
#include <vector>

#include "core/net/crypto.h"

namespace gnomon {

std::string to_string(const JoinToken& token) {
  std::string text =
      "gn1." + token.id + '.' + to_hex(token.secret) + '.' + to_hex(token.root_key_sha256);
  return token.unknowns_key.empty() ? text : text + '.' + to_hex(token.unknowns_key);
}

std::optional<JoinToken> parse_join_token(std::string_view text) {
  constexpr std::string_view kFront = "gn1.";
  constexpr std::size_t kMostParts = 4;
  if (!text.starts_with(kFront)) {
    return std::nullopt;
  }
  text.remove_prefix(kFront.size());
  std::vector<std::string_view> parts;
  for (std::size_t dot = text.find('.'); dot != std::string_view::npos && parts.size() < kMostParts;
       dot = text.find('.')) {
    parts.push_back(text.substr(0, dot));
    text.remove_prefix(dot + 1);
  }
  parts.push_back(text);
  if (parts.size() < kMostParts - 1 || parts.size() > kMostParts) {
    return std::nullopt;
  }
  JoinToken token;
  token.id = parts[0];
  if (token.id.size() < 8 || token.id.size() > 32 || !from_hex(token.id)) {
    return std::nullopt;
  }
  // take reads a part of exactly `size` bytes; nothing else is a token.
  const auto take = [](std::string_view part, std::size_t size, std::string& into) {
    auto bytes = from_hex(part);
    if (!bytes || bytes->size() != size) {
      return false;
    }
    into = std::move(*bytes);
    return true;
  };
  if (!take(parts[1], 16, token.secret) || !take(parts[2], 32, token.root_key_sha256) ||
      (parts.size() == kMostParts && !take(parts[3], kUnknownsKeyBytes, token.unknowns_key))) {
    return std::nullopt;
  }
  return token;
}

}  // namespace gnomon
