// UnknownLedger: what a workstation remembers of domains that the catalogue does not know.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/rule_pack.h"
#include "core/clock.h"

namespace gnomon {

// UnknownToken stands for a domain without naming it: HMAC-SHA-256 with the company's key of the
// period, cut to 16 bytes. Equal domains give equal tokens on all machines of the company; without
// the key a token cannot be tried against a list of domains.
using UnknownToken = std::array<std::uint8_t, 16>;

// UnknownPolicy comes from the collector; the machine's own ceiling may only take away from it.
struct UnknownPolicy {
  bool enabled = false;           // off: nothing is remembered and nothing leaves
  std::vector<std::uint8_t> key;  // at least 16 bytes, else the policy counts as off
  std::uint32_t min_days = 2;     // on so many different days before a token is offered
};

// TokenReport is all that leaves the machine about an unknown domain.
struct TokenReport {
  UnknownToken token{};
  std::chrono::sys_days first;  // days, not times
  std::chrono::sys_days last;
};

// Learnt is a domain that the catalogue has come to know, with the day it was first seen here.
struct Learnt {
  std::string domain;
  ToolIndex tool = 0;
  std::chrono::sys_days first;
};

// UnknownLedger groups unknown hosts by registrable domain and keeps, for each, the first and last
// day. Names leave it in one way only: reveal(), for a token that the collector asks about because
// enough machines hold it, and only when the machine's ceiling allows it.
//
// Pure: no clock, no file, no network. Bounded to kMaxDomains; the one longest not seen goes first.
// One thread at a time.
class UnknownLedger {
 public:
  static constexpr std::size_t kMaxDomains = 4096;

  // set_policy takes effect at once; turning it off, or another key, forgets what was reported.
  // Off also forgets the domains.
  void set_policy(UnknownPolicy policy);

  // see notes a host that has no meaning in the pack. Hosts below domains that the pack knows to be
  // shared, consumer or infrastructure names are dropped, and so is what has no registrable domain.
  void see(const RulePack& pack, std::string_view host, WallTime when);

  // reports yields tokens that are new or were seen on a later day than last reported, at most
  // `limit`, oldest first. A token counts as reported from then on.
  std::vector<TokenReport> reports(std::size_t limit);

  // reveal answers the collector's question. `allowed` is the machine's own ceiling. nullopt: not
  // allowed, never reported from here, or not known (any more).
  std::optional<std::string> reveal(const UnknownToken& token, bool allowed) const;

  // learn takes out every domain that `pack` now attributes to a tool, with its first day.
  std::vector<Learnt> learn(const RulePack& pack);

  // encode and decode keep the ledger across restarts. decode drops a damaged text as a whole and
  // yields false; the policy is not part of it.
  std::vector<std::uint8_t> encode() const;
  bool decode(Bytes bytes);

  std::size_t size() const { return domains_.size(); }

 private:
  struct Seen {
    std::chrono::sys_days first;
    std::chrono::sys_days last;
    std::uint32_t days = 0;
    std::optional<std::chrono::sys_days> reported;  // `last` when it was last reported
  };

  bool active() const;
  UnknownToken token_of(std::string_view domain) const;

  UnknownPolicy policy_;
  std::map<std::string, Seen, std::less<>> domains_;
};

}  // namespace gnomon
