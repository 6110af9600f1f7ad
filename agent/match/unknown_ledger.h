// UnknownLedger: what a workstation remembers of domains that the catalogue does not know.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/rule_pack.h"
#include "core/clock.h"
#include "core/contact.h"

namespace gnomon {

// Manner is how a host was met, from the least to the most.
enum class Manner : std::uint8_t {
  named = 1,    // its name was looked up, no more
  carried = 2,  // connected to, on a page that another site led
  opened = 3,   // connected to by itself: it led its page load, or a program called it
};

struct LedgerOptions {
  // A domain that was not seen for so long is forgotten; zero: nothing is remembered at all. The
  // usual value is how far back a collector takes times (AdmitLimits::max_age).
  std::chrono::days keep{400};
  // The company's own: names at or below these are never remembered. Lower-case, no leading dot.
  std::vector<std::string> internal;
};

// UnknownHost is one host of a domain. Never leaves the machine; it is kept so that the catalogue,
// when it learns the domain, can say which part of it this was: a page that was opened, or a
// script on other people's pages.
struct UnknownHost {
  std::string host;
  WallTime first;
  WallTime last;
  Manner manner = Manner::named;

  bool operator==(const UnknownHost&) const = default;
};

// UnknownDomain is a registrable domain with what was seen of it.
struct UnknownDomain {
  WallTime first;
  WallTime last;
  std::uint64_t sightings = 0;
  std::uint32_t days_opened = 0;        // different days (UTC) on which one of its hosts was opened
  std::chrono::sys_days last_opened{};  // the newest of them; meaningless while there is none
  std::vector<UnknownHost> hosts;       // the first kMaxHosts that were met, in that order

  bool operator==(const UnknownDomain&) const = default;
};

// Learnt is a tool that the catalogue has come to know, in one role, with what the ledger held.
struct Learnt {
  std::string tool;
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  RuleConfidence confidence = RuleConfidence::low;
  Manner manner = Manner::named;
  WallTime first;
  WallTime last;

  bool operator==(const Learnt&) const = default;
};

// UnknownLedger groups hosts outside the catalogue by registrable domain. It is local: nothing in
// here sends anything, whatever a collector wants. What is below shared infrastructure, noise, the
// company's own names, special-use names (RFC 6761 and the names people make up for inside) and
// what has no registrable domain is never remembered.
//
// Pure: no clock, no file, no network. Bounded to kMaxDomains; one that was never opened goes
// before one that was, and among equals the one longest not seen. One thread at a time.
class UnknownLedger {
 public:
  static constexpr std::size_t kMaxDomains = 4096;
  static constexpr std::size_t kMaxHosts = 4;
  static constexpr std::size_t kMaxKnownBefore = 512;
  // A name this long belongs to a machine, and would let strangers fill the memory.
  static constexpr std::size_t kMaxHostBytes = 100;

  using Domains = std::map<std::string, UnknownDomain, std::less<>>;

  explicit UnknownLedger(LedgerOptions options = {}) : options_(std::move(options)) {}

  // see notes a host that `pack` gives no meaning to.
  void see(const RulePack& pack, std::string_view host, WallTime when, Manner manner);

  // learn takes out every domain that `pack` now knows, and yields what belongs to tools, by tool
  // and role. A second call with the same pack yields nothing.
  std::vector<Learnt> learn(const RulePack& pack);

  // known_before names the tools that somebody here had opened on two different days or more before
  // the catalogue learnt them: what they do now is no first time. The newest kMaxKnownBefore.
  const std::vector<std::string>& known_before() const { return known_before_; }

  const Domains& domains() const { return domains_; }

  // changed says whether see() or learn() did what is worth writing down since the last saved():
  // a new domain, host or day, not one more sighting.
  bool changed() const { return changed_; }
  void saved() { changed_ = false; }

  // encode and decode carry the ledger across restarts (agent/FORMAT.md). decode replaces what is
  // there, and drops what the options no longer allow to be remembered; bytes that encode() did not
  // write leave an empty ledger and yield false.
  std::vector<std::uint8_t> encode() const;
  bool decode(Bytes bytes);

 private:
  bool is_out_of_scope(std::string_view host) const;
  bool is_internal(std::string_view host) const;
  UnknownDomain* domain_of(const RulePack& pack, std::string_view host, WallTime when);
  void make_room();
  void forget_old(WallTime now);
  bool take_out(const RulePack& pack, const std::string& name, UnknownDomain& domain,
                std::vector<Learnt>& learnt);
  void note_known_before(const std::vector<Learnt>& learnt);

  LedgerOptions options_;
  Domains domains_;
  std::vector<std::string> known_before_;  // oldest first
  std::chrono::sys_days newest_day_{};     // of any sighting: when to look for what to forget
  bool changed_ = false;
};

}  // namespace gnomon
