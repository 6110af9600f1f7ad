// Matcher: the match room, from a sighting to its meaning.

#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/match/match.h"
#include "agent/sight/sighting.h"
#include "core/catalog/rule_pack.h"
#include "core/counters.h"

namespace gnomon {

// Limits of what the matcher remembers of aliases.
constexpr std::size_t kMaxAliases = 1024;     // hosts whose alias led to a tool
constexpr std::chrono::hours kAliasLife{12};  // after that the answer must be seen again
constexpr std::size_t kMaxAliasSteps = 16;    // of one chain; resolvers follow no more

// Matcher names what was sighted, by the rule pack. Same pack, same sightings, same answers.
//
// Aliases: where the pack does not know a host, but the host's DNS answer leads (CNAME) to one of
// a tool's, the match carries the tool `by_alias` with a role of at most `content`, no tenant and
// no high confidence: a company's own help.example.com at Zendesk is a page that Zendesk's
// customer publishes, never a use. What was learnt from an answer holds for the connections to
// that host which follow.
//
// Only the capture thread may call it, but set_pack: that is safe from every thread, takes effect
// with the next sighting, and lets a match in progress finish with the old pack.
class Matcher {
 public:
  Matcher(std::shared_ptr<const RulePack> pack, Counters& counters);

  // match yields nullopt when the sighting names no host (nothing in it, an IP literal, bytes no
  // host name has). Unknown hosts yield a match too: they lead bursts. The host is normalised.
  std::optional<Match> match(Sighting&& sighting);

  void set_pack(std::shared_ptr<const RulePack> pack);
  std::shared_ptr<const RulePack> pack() const;

 private:
  struct Alias {
    std::string target;  // the tool's host
    WallTime when;
  };

  // alias_target walks the answer's chain from the question; empty when it leads to no tool.
  std::string alias_target(const RulePack& pack, const Sighting& sighting) const;
  const std::string* known_alias(const std::string& host, WallTime when);
  void remember(const std::string& host, std::string target, WallTime when);
  bool by_alias(const RulePack& pack, Match& match);
  void count(const Match& match);

  // Swapped as a whole, with the free functions for atomic access: shared ownership lets a match
  // finish with the pack it began with.
  std::shared_ptr<const RulePack> pack_;
  std::unordered_map<std::string, Alias> aliases_;
  std::deque<std::string> alias_order_;  // oldest first
  Counter& tool_;
  Counter& alias_;
  Counter& other_;
  Counter& unknown_;
  Counter& rejected_;
};

}  // namespace gnomon
