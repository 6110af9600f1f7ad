// DomainName: a validated, lower-case host name without a trailing dot.

#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace gnomon {

// kMaxNameBytes bounds the text form of a name (RFC 1035, section 3.1: 255 bytes on the wire,
// so 253 characters of text when none is escaped).
constexpr std::size_t kMaxNameBytes = 253;

enum class NameError {
  empty,       // no label at all, or the root
  too_long,    // over kMaxNameBytes, or a label over 63
  bad_label,   // an empty label
  bad_char,    // a byte that no host name has; see from_text
  ip_literal,  // "192.0.2.1", "[2001:db8::1]", "2001:db8::1"
};

// DomainName owns its text. It is ASCII (A-labels), lower-case, has no trailing dot and at least
// one label. Letters, digits, hyphen and underscore only.
class DomainName {
 public:
  // from_text checks and normalises a name as it stands in SNI, Host or a rule: lower-cases it
  // and drops one trailing dot. A port must be cut off before.
  static Result<DomainName, NameError> from_text(std::string_view text);

  const std::string& text() const { return text_; }
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes a defaulted comparison for a zero
  auto operator<=>(const DomainName&) const = default;

 private:
  explicit DomainName(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

}  // namespace gnomon
