#include "agent/match/unknown_ledger.h"

#include <algorithm>

#include "core/byte_writer.h"
#include "core/catalog/signing.h"
#include "core/domain_name.h"

namespace gnomon {
namespace {

using std::chrono::sys_days;

constexpr std::size_t kSmallestKey = 16;
constexpr std::uint16_t kFormat = 1;
constexpr std::string_view kDomain = "gnomon unknown domain v1\n";

std::uint32_t number(sys_days day) {
  return static_cast<std::uint32_t>(day.time_since_epoch().count());
}

sys_days day_of(std::uint32_t number) {
  return sys_days{std::chrono::days{number}};
}

}  // namespace

bool UnknownLedger::active() const {
  return policy_.enabled && policy_.key.size() >= kSmallestKey;
}

void UnknownLedger::set_policy(UnknownPolicy policy) {
  if (policy.key != policy_.key || !policy.enabled) {
    for (auto& [domain, seen] : domains_) {
      seen.reported.reset();
    }
  }
  policy_ = std::move(policy);
  if (!active()) {
    domains_.clear();
  }
}

void UnknownLedger::see(const RulePack& pack, std::string_view host, WallTime when) {
  if (!active() || pack.match(host).meaning != Meaning::unknown) {
    return;
  }
  const std::string_view domain = pack.registrable_domain(host);
  // A domain that means something by itself (shared infrastructure, noise) makes what is below it
  // no finding either.
  if (domain.empty() || domain.size() > kMaxNameBytes ||
      pack.match(domain).meaning != Meaning::unknown) {
    return;
  }
  const sys_days day = std::chrono::floor<std::chrono::days>(when);
  const auto found = domains_.find(domain);
  if (found != domains_.end()) {
    Seen& seen = found->second;
    seen.days += day > seen.last ? 1U : 0U;
    seen.last = std::max(seen.last, day);
    seen.first = std::min(seen.first, day);
    return;
  }
  if (domains_.size() >= kMaxDomains) {
    domains_.erase(std::min_element(domains_.begin(), domains_.end(), [](auto& a, auto& b) {
      return a.second.last < b.second.last;
    }));
  }
  domains_.emplace(std::string{domain}, Seen{day, day, 1, {}});
}

UnknownToken UnknownLedger::token_of(std::string_view domain) const {
  std::string message{kDomain};
  message += domain;
  const Digest digest = hmac_sha256(policy_.key, bytes_of(message));
  UnknownToken token{};
  std::copy_n(digest.begin(), token.size(), token.begin());
  return token;
}

std::vector<TokenReport> UnknownLedger::reports(std::size_t limit) {
  std::vector<TokenReport> result;
  if (!active()) {
    return result;
  }
  std::vector<std::pair<sys_days, std::string_view>> due;
  for (const auto& [domain, seen] : domains_) {
    if (seen.days >= policy_.min_days && (!seen.reported || *seen.reported < seen.last)) {
      due.emplace_back(seen.first, domain);
    }
  }
  std::sort(due.begin(), due.end());
  due.resize(std::min(due.size(), limit));
  for (const auto& [first, domain] : due) {
    Seen& seen = domains_.find(domain)->second;
    seen.reported = seen.last;
    result.push_back({token_of(domain), first, seen.last});
  }
  return result;
}

std::optional<std::string> UnknownLedger::reveal(const UnknownToken& token, bool allowed) const {
  if (!allowed || !active()) {
    return std::nullopt;
  }
  // Only what was offered may be asked for: a question cannot probe for domains.
  for (const auto& [domain, seen] : domains_) {
    if (seen.reported && token_of(domain) == token) {
      return domain;
    }
  }
  return std::nullopt;
}

std::vector<Learnt> UnknownLedger::learn(const RulePack& pack) {
  std::vector<Learnt> result;
  for (auto at = domains_.begin(); at != domains_.end();) {
    const HostMatch match = pack.match(at->first);
    if (match.meaning == Meaning::unknown) {
      ++at;
      continue;
    }
    if (match.meaning == Meaning::tool || match.meaning == Meaning::family) {
      result.push_back({at->first, match.tool, at->second.first});
    }
    at = domains_.erase(at);
  }
  return result;
}

std::vector<std::uint8_t> UnknownLedger::encode() const {
  ByteWriter out;
  out.u16(kFormat);
  out.u32(static_cast<std::uint32_t>(domains_.size()));
  for (const auto& [domain, seen] : domains_) {
    out.u8(static_cast<std::uint8_t>(domain.size()));
    out.text(domain);
    out.u32(number(seen.first));
    out.u32(number(seen.last));
    out.u32(seen.days);
    out.u32(seen.reported ? number(*seen.reported) + 1 : 0);
  }
  const Digest digest = sha256(out.view());
  out.bytes(digest);
  return out.take();
}

bool UnknownLedger::decode(Bytes bytes) {
  domains_.clear();
  if (bytes.size() < kDigestBytes) {
    return false;
  }
  const Bytes content = bytes.first(bytes.size() - kDigestBytes);
  const Digest digest = sha256(content);
  if (!std::equal(digest.begin(), digest.end(), bytes.end() - kDigestBytes)) {
    return false;
  }
  ByteReader reader{content};
  if (reader.u16() != kFormat) {
    return false;
  }
  const std::uint32_t count = reader.u32();
  if (count > kMaxDomains) {
    return false;
  }
  std::map<std::string, Seen, std::less<>> domains;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Bytes name = reader.take(reader.u8());
    Seen seen;
    seen.first = day_of(reader.u32());
    seen.last = day_of(reader.u32());
    seen.days = reader.u32();
    if (const std::uint32_t reported = reader.u32(); reported != 0) {
      seen.reported = day_of(reported - 1);
    }
    domains.emplace(std::string{name.begin(), name.end()}, seen);
  }
  if (!reader.ok() || !reader.empty()) {
    return false;
  }
  domains_ = std::move(domains);
  return true;
}

}  // namespace gnomon
