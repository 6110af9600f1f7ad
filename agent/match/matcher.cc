#include "agent/match/matcher.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/check.h"
#include "core/domain_name.h"

namespace gnomon {
namespace {

constexpr std::uint16_t kCname = 5;  // IANA DNS resource record types

bool of_tool(Meaning meaning) {
  return meaning == Meaning::tool || meaning == Meaning::family;
}

// normalise makes the sighting's host a host name in place; false when it is none. Nearly always
// it is one already, and then nothing is allocated.
bool normalise(std::string& host) {
  const bool clean =
      !host.empty() && host.size() <= kMaxNameBytes && host.front() != '.' && host.back() != '.' &&
      std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
      });
  if (clean && !(host.back() >= '0' && host.back() <= '9') &&
      host.find("..") == std::string::npos) {
    return true;
  }
  // A port that a peer left on the name. IPv6 literals have more than one colon.
  const std::size_t colon = host.find(':');
  std::string_view text{host};
  if (colon != std::string_view::npos && text.rfind(':') == colon) {
    text = text.substr(0, colon);
  }
  auto name = DomainName::from_text(text);
  if (!name) {
    return false;
  }
  host = name->text();
  return true;
}

void fill(Match& match, const HostMatch& found) {
  match.meaning = found.meaning;
  match.also = found.also;
  match.tool = found.tool;
  match.role = found.role;
  match.audience = found.audience;
  match.confidence = found.confidence;
  match.weight = found.weight;
  match.shared_with = found.shared_with;
  match.owner = found.owner;
  match.account = found.account;
  match.tenant = std::string{found.tenant};
  match.name = std::string{found.name};
  match.rule = found.rule;
}

// Roles that mean no more than published pages stay; everything else becomes such a page.
Role at_most_content(Role role) {
  const bool less = role == Role::embed || role == Role::link || role == Role::asset;
  return less ? role : Role::content;
}

}  // namespace

Matcher::Matcher(std::shared_ptr<const RulePack> pack, Counters& counters)
    : pack_(std::move(pack)),
      tool_(counters.counter("match_sightings_total", "Sightings by what they mean",
                             {{"meaning", "tool"}})),
      alias_(counters.counter("match_sightings_total", {}, {{"meaning", "alias"}})),
      other_(counters.counter("match_sightings_total", {}, {{"meaning", "other"}})),
      unknown_(counters.counter("match_sightings_total", {}, {{"meaning", "unknown"}})),
      rejected_(counters.counter("match_rejected_total", "Sightings without a host name",
                                 {{"reason", "no-host-name"}})) {
  GNOMON_CHECK(pack_ != nullptr);
}

void Matcher::set_pack(std::shared_ptr<const RulePack> pack) {
  GNOMON_CHECK(pack != nullptr);
  std::atomic_store(&pack_, std::move(pack));
}

std::shared_ptr<const RulePack> Matcher::pack() const {
  return std::atomic_load(&pack_);
}

std::optional<Match> Matcher::match(Sighting&& sighting) {
  if (!normalise(sighting.host)) {
    rejected_.add_alone();
    return std::nullopt;
  }
  const std::shared_ptr<const RulePack> pack = this->pack();
  Match match;
  fill(match, pack->match(sighting.host));
  match.sighting = std::move(sighting);
  if (match.meaning == Meaning::unknown && by_alias(*pack, match)) {
    alias_.add_alone();
  } else {
    count(match);
  }
  return match;
}

void Matcher::count(const Match& match) {
  if (match.meaning == Meaning::unknown) {
    unknown_.add_alone();
  } else if (of_tool(match.meaning)) {
    tool_.add_alone();
  } else {
    other_.add_alone();
  }
}

bool Matcher::by_alias(const RulePack& pack, Match& match) {
  const Sighting& sighting = match.sighting;
  std::string target;
  if (sighting.dns && sighting.dns->answer) {
    target = alias_target(pack, sighting);
    if (!target.empty()) {
      remember(sighting.host, target, sighting.when);
    }
  } else if (const std::string* known = known_alias(sighting.host, sighting.when)) {
    target = *known;
  }
  if (target.empty()) {
    return false;
  }
  const HostMatch found = pack.match(target);
  if (!of_tool(found.meaning)) {
    return false;  // the pack has changed since
  }
  fill(match, found);
  match.role = at_most_content(found.role);
  match.audience = Audience::visitor;
  match.confidence = std::min(found.confidence, RuleConfidence::medium);
  match.weight = RuleWeight::normal;
  match.shared_with = 0;
  match.tenant.clear();
  match.owner = TenantOwner::unknown;
  match.by_alias = true;
  return true;
}

std::string Matcher::alias_target(const RulePack& pack, const Sighting& sighting) const {
  const std::vector<DnsRecord>& answers = sighting.dns->answers;
  std::string at = sighting.host;
  for (std::size_t step = 0; step < kMaxAliasSteps; ++step) {
    const auto next = std::find_if(answers.begin(), answers.end(), [&](const DnsRecord& record) {
      return record.type == kCname && record.name == at;
    });
    if (next == answers.end()) {
      return {};
    }
    at = next->data;
    if (!normalise(at)) {
      return {};
    }
    // The first of the chain that a tool owns speaks: behind it the tool's own CDN begins.
    if (of_tool(pack.match(at).meaning)) {
      return at;
    }
  }
  return {};
}

const std::string* Matcher::known_alias(const std::string& host, WallTime when) {
  const auto found = aliases_.find(host);
  if (found == aliases_.end() || when - found->second.when > kAliasLife) {
    return nullptr;
  }
  return &found->second.target;
}

void Matcher::remember(const std::string& host, std::string target, WallTime when) {
  const auto [entry, fresh] = aliases_.insert_or_assign(host, Alias{std::move(target), when});
  if (!fresh) {
    return;
  }
  alias_order_.push_back(entry->first);
  if (alias_order_.size() > kMaxAliases) {
    aliases_.erase(alias_order_.front());
    alias_order_.pop_front();
  }
}

}  // namespace gnomon
