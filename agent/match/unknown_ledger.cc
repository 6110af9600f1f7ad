#include "agent/match/unknown_ledger.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "core/byte_writer.h"
#include "core/domain_name.h"

namespace gnomon {
namespace {

using std::chrono::sys_days;

constexpr std::string_view kMagic = "GNUNKN01";
constexpr std::size_t kMaxToolId = 64;

// Names that no registry sells: RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, .internal
// (reserved by ICANN in 2024), and what routers and offices use without asking anybody.
constexpr std::array<std::string_view, 17> kSpecial = {
    "alt",         "arpa",      "corp",     "domain",  "fritz.box", "home",
    "internal",    "intra",     "intranet", "invalid", "lan",       "local",
    "localdomain", "localhost", "onion",    "private", "test"};

sys_days day_of(WallTime when) {
  return std::chrono::floor<std::chrono::days>(when);
}

bool is_at_or_below(std::string_view host, std::string_view suffix) {
  return host.size() >= suffix.size() && host.ends_with(suffix) &&
         (host.size() == suffix.size() || host[host.size() - suffix.size() - 1] == '.');
}

bool is_tool(const HostMatch& match) {
  return match.meaning == Meaning::tool;
}

void put_text(ByteWriter& out, std::string_view text) {
  out.u8(static_cast<std::uint8_t>(text.size()));
  out.text(text);
}

std::string take_text(ByteReader& in) {
  const Bytes run = in.take(in.u8());
  return {run.begin(), run.end()};
}

void put_time(ByteWriter& out, WallTime when) {
  out.u64(static_cast<std::uint64_t>(when.time_since_epoch().count()));
}

std::uint64_t take_u64(ByteReader& in) {
  const std::uint64_t high = in.u32();
  return high << 32U | in.u32();
}

WallTime take_time(ByteReader& in) {
  return WallTime{std::chrono::nanoseconds{static_cast<std::int64_t>(take_u64(in))}};
}

// is_name accepts what see() stores and nothing else, so that a file from elsewhere cannot put
// into a page or an answer what no host name has.
bool is_name(const std::string& text) {
  const auto name = DomainName::from_text(text);
  return name && name->text() == text;
}

bool is_tool_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxToolId &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

void put(ByteWriter& out, const UnknownDomain& domain) {
  put_time(out, domain.first);
  put_time(out, domain.last);
  out.u64(domain.sightings);
  out.u32(domain.days_opened);
  out.u32(static_cast<std::uint32_t>(domain.last_opened.time_since_epoch().count()));
  out.u8(static_cast<std::uint8_t>(domain.hosts.size()));
  for (const UnknownHost& host : domain.hosts) {
    put_text(out, host.host);
    put_time(out, host.first);
    put_time(out, host.last);
    out.u8(static_cast<std::uint8_t>(host.manner));
  }
}

// take reads what put() wrote; false when it is nothing of the kind.
bool take(ByteReader& in, const std::string& name, UnknownDomain& domain) {
  domain.first = take_time(in);
  domain.last = take_time(in);
  domain.sightings = take_u64(in);
  domain.days_opened = in.u32();
  domain.last_opened = sys_days{std::chrono::days{static_cast<std::int32_t>(in.u32())}};
  const std::size_t hosts = in.u8();
  if (hosts > UnknownLedger::kMaxHosts || domain.first > domain.last) {
    return false;
  }
  for (std::size_t i = 0; i < hosts; ++i) {
    UnknownHost host;
    host.host = take_text(in);
    host.first = take_time(in);
    host.last = take_time(in);
    const std::uint8_t manner = in.u8();
    if (manner < static_cast<std::uint8_t>(Manner::named) ||
        manner > static_cast<std::uint8_t>(Manner::opened) || host.first > host.last ||
        host.host.size() > UnknownLedger::kMaxHostBytes || !is_name(host.host) ||
        !is_at_or_below(host.host, name)) {
      return false;
    }
    host.manner = static_cast<Manner>(manner);
    domain.hosts.push_back(std::move(host));
  }
  return in.ok();
}

}  // namespace

bool UnknownLedger::is_out_of_scope(std::string_view host) const {
  // "_dmarc.example.com" is a question of mail servers; "10.in-addr.arpa" and "4.3" no site.
  if (host.empty() || host.front() == '_' || (host.back() >= '0' && host.back() <= '9')) {
    return true;
  }
  return is_internal(host) ||
         std::any_of(kSpecial.begin(), kSpecial.end(),
                     [&](std::string_view suffix) { return is_at_or_below(host, suffix); });
}

bool UnknownLedger::is_internal(std::string_view host) const {
  return std::any_of(options_.internal.begin(), options_.internal.end(),
                     [&](std::string_view suffix) { return is_at_or_below(host, suffix); });
}

void UnknownLedger::see(const RulePack& pack, std::string_view host, WallTime when, Manner manner) {
  if (options_.keep.count() == 0 || host.size() > kMaxNameBytes || is_out_of_scope(host)) {
    return;
  }
  UnknownDomain* domain = domain_of(pack, host, when);
  if (domain == nullptr) {
    return;
  }
  ++domain->sightings;
  const sys_days day = day_of(when);
  changed_ |= day != day_of(domain->last);
  domain->first = std::min(domain->first, when);
  domain->last = std::max(domain->last, when);
  if (manner == Manner::opened && (domain->days_opened == 0 || day > domain->last_opened)) {
    ++domain->days_opened;
    domain->last_opened = day;
    changed_ = true;
  }
  const auto known = std::find_if(domain->hosts.begin(), domain->hosts.end(),
                                  [&](const UnknownHost& one) { return one.host == host; });
  if (known != domain->hosts.end()) {
    changed_ |= manner > known->manner;
    known->first = std::min(known->first, when);
    known->last = std::max(known->last, when);
    known->manner = std::max(known->manner, manner);
  } else if (domain->hosts.size() < kMaxHosts && host.size() <= kMaxHostBytes) {
    domain->hosts.push_back({std::string{host}, when, when, manner});
    changed_ = true;
  }
}

// domain_of finds or makes the record of the host's domain; nullptr when it is none of ours.
UnknownDomain* UnknownLedger::domain_of(const RulePack& pack, std::string_view host,
                                        WallTime when) {
  const std::string_view name = pack.registrable_domain(host);
  if (name.empty() || name.size() > kMaxHostBytes) {
    return nullptr;
  }
  if (const auto found = domains_.find(name); found != domains_.end()) {
    return &found->second;
  }
  // A domain that means something by itself (shared infrastructure, noise) makes what is below it
  // no finding either.
  if (pack.match(host).meaning != Meaning::unknown ||
      pack.match(name).meaning != Meaning::unknown) {
    return nullptr;
  }
  forget_old(when);
  make_room();
  UnknownDomain made;
  made.first = when;
  made.last = when;
  changed_ = true;
  return &domains_.emplace(std::string{name}, std::move(made)).first->second;
}

void UnknownLedger::make_room() {
  if (domains_.size() < kMaxDomains) {
    return;
  }
  // Names that were only looked up are cheap to make: they must not drive out what was opened.
  domains_.erase(std::min_element(domains_.begin(), domains_.end(), [](auto& a, auto& b) {
    return std::pair{a.second.days_opened > 0, a.second.last} <
           std::pair{b.second.days_opened > 0, b.second.last};
  }));
}

// forget_old looks once a day.
void UnknownLedger::forget_old(WallTime now) {
  const sys_days day = day_of(now);
  if (day <= newest_day_) {
    return;
  }
  newest_day_ = day;
  std::erase_if(domains_,
                [&](const auto& entry) { return day - day_of(entry.second.last) > options_.keep; });
}

std::vector<Learnt> UnknownLedger::learn(const RulePack& pack) {
  std::vector<Learnt> all;
  for (auto at = domains_.begin(); at != domains_.end();) {
    std::vector<Learnt> learnt;
    if (!take_out(pack, at->first, at->second, learnt)) {
      ++at;
      continue;
    }
    if (at->second.days_opened >= 2) {
      note_known_before(learnt);
    }
    all.insert(all.end(), learnt.begin(), learnt.end());
    at = domains_.erase(at);
    changed_ = true;
  }
  std::sort(all.begin(), all.end(), [](const Learnt& a, const Learnt& b) {
    return std::tie(a.tool, a.role, a.first) < std::tie(b.tool, b.role, b.first);
  });
  std::vector<Learnt> merged;
  for (Learnt& one : all) {
    if (merged.empty() || merged.back().tool != one.tool || merged.back().role != one.role) {
      merged.push_back(std::move(one));
      continue;
    }
    merged.back().last = std::max(merged.back().last, one.last);
    merged.back().manner = std::max(merged.back().manner, one.manner);
    merged.back().confidence = std::max(merged.back().confidence, one.confidence);
  }
  return merged;
}

// take_out yields true when the domain is to go: the catalogue knows it, or nothing is left of it.
bool UnknownLedger::take_out(const RulePack& pack, const std::string& name, UnknownDomain& domain,
                             std::vector<Learnt>& learnt) {
  const auto add = [&](const HostMatch& match, Manner manner, WallTime first, WallTime last) {
    learnt.push_back({std::string{pack.tool(match.tool).id}, match.role, match.audience,
                      match.confidence, manner, first, last});
  };
  const std::size_t before = domain.hosts.size();
  std::erase_if(domain.hosts, [&](const UnknownHost& host) {
    const HostMatch match = pack.match(host.host);
    if (is_tool(match)) {
      add(match, host.manner, host.first, host.last);
    }
    return match.meaning != Meaning::unknown;
  });
  changed_ |= domain.hosts.size() != before;
  const HostMatch whole = pack.match(name);
  if (is_tool(whole) && learnt.empty()) {
    // Only hosts beyond the first few were of the tool: the domain's own rule speaks for them.
    add(whole, domain.days_opened > 0 ? Manner::opened : Manner::named, domain.first, domain.last);
  }
  return !learnt.empty() || whole.meaning != Meaning::unknown ||
         (before > 0 && domain.hosts.empty());
}

void UnknownLedger::note_known_before(const std::vector<Learnt>& learnt) {
  for (const Learnt& one : learnt) {
    const bool known =
        std::find(known_before_.begin(), known_before_.end(), one.tool) != known_before_.end();
    if (one.manner == Manner::opened && !known) {
      known_before_.push_back(one.tool);
    }
  }
  if (known_before_.size() > kMaxKnownBefore) {
    known_before_.erase(known_before_.begin(), known_before_.end() - kMaxKnownBefore);
  }
}

std::vector<std::uint8_t> UnknownLedger::encode() const {
  ByteWriter out;
  out.text(kMagic);
  out.u32(static_cast<std::uint32_t>(domains_.size()));
  for (const auto& [name, domain] : domains_) {
    put_text(out, name);
    put(out, domain);
  }
  out.u32(static_cast<std::uint32_t>(known_before_.size()));
  for (const std::string& tool : known_before_) {
    put_text(out, tool);
  }
  return out.take();
}

bool UnknownLedger::decode(Bytes bytes) {
  domains_.clear();
  known_before_.clear();
  changed_ = false;
  ByteReader in{bytes};
  const Bytes magic = in.take(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin(), kMagic.end())) {
    return false;
  }
  Domains domains;
  const std::uint32_t count = in.u32();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string name = take_text(in);
    UnknownDomain domain;
    // In ascending order, as a map writes them: so every ledger has one form only.
    if (count > kMaxDomains || name.size() > kMaxHostBytes || !is_name(name) ||
        (!domains.empty() && name <= domains.rbegin()->first) || !take(in, name, domain)) {
      return false;
    }
    domains.emplace_hint(domains.end(), name, std::move(domain));
  }
  std::vector<std::string> known_before;
  const std::uint32_t tools = in.u32();
  for (std::uint32_t i = 0; i < tools; ++i) {
    known_before.push_back(take_text(in));
    if (tools > kMaxKnownBefore || !is_tool_id(known_before.back())) {
      return false;
    }
  }
  if (!in.ok() || !in.empty()) {
    return false;
  }
  domains_ = std::move(domains);
  known_before_ = std::move(known_before);
  // The configuration may have become stricter since it was written.
  const std::size_t erased = std::erase_if(domains_, [&](const auto& entry) {
    return options_.keep.count() == 0 || is_internal(entry.first);
  });
  changed_ = erased > 0;
  return true;
}

}  // namespace gnomon
