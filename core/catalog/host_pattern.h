// HostPattern: what a rule's `host` says, parsed, and how wildcards match.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/catalog/rule_pack.h"
#include "core/result.h"

namespace gnomon {

enum class PatternKind : std::uint8_t {
  exact = 0,   // "app.asana.com"
  suffix = 1,  // ".asana.com": the domain and everything below
  wild = 2,    // "{tenant}.slack.com", "us*.admin.mailchimp.com"
};

enum class PatternError : std::uint8_t {
  empty,
  upper_case,           // rules are written in lower case
  not_a_host,           // a scheme, port, path or space
  bad_char,             // a character no host name has (also: not in A-label form)
  bad_label,            // an empty label, or one over 63 bytes
  too_long,             // over kMaxNameBytes
  one_label,            // "com"
  ip_literal,           // "192.0.2.1"
  bad_braces,           // neither {tenant} nor {tenant+}
  tenant_twice,         // at most one {tenant} in a pattern
  tenant_plus_place,    // {tenant+} is the whole first label
  wild_in_registrable,  // a wildcard in the last two labels
  wild_suffix,          // ".us*.example.com": a suffix has no wildcards
};

std::string_view to_string(PatternError error);

// HostPattern owns its text. `wild` is compact: '@' for {tenant}, '+' for {tenant+}.
struct HostPattern {
  PatternKind kind = PatternKind::exact;
  std::string text;      // as written
  std::string wild;      // labels up to the last one with a wildcard; empty unless wild
  std::string fixed;     // the labels behind them; the whole name unless wild
  unsigned labels = 0;   // labels without a wildcard
  unsigned letters = 0;  // characters that are not part of a wildcard, dots left out
  bool has_tenant = false;

  static Result<HostPattern, PatternError> parse(std::string_view text);
};

// specificity orders rules: of all that match, the one with the highest number speaks. Exact, then
// more fixed labels, then a tenant or glob before a suffix, then more letters; then a deny, then
// {tenant} before a glob before {tenant+}, then tools before other meanings. Shared infrastructure
// counts as deny unless it is named exactly: only a tool's exact host speaks louder.
std::uint32_t specificity(const HostPattern& pattern, Meaning meaning);

// match_wild tells whether `left` (the labels of a host in front of the fixed part) fits `wild`
// (HostPattern::wild), and sets `tenant` to what {tenant} stands for. A tenant is made of
// [a-z0-9-]. Allocates nothing.
bool match_wild(std::string_view wild, std::string_view left, std::string_view& tenant) noexcept;

}  // namespace gnomon
