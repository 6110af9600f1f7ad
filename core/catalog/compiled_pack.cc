#include "core/catalog/compiled_pack.h"

#include <algorithm>

#include "core/catalog/host_pattern.h"
#include "core/catalog/words.h"
#include "core/check.h"
#include "core/domain_name.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kNoRule = 0xffffffff;

template <std::size_t N>
std::vector<std::string_view> words_of(std::uint16_t bits,
                                       const std::array<std::string_view, N>& words) {
  std::vector<std::string_view> result;
  for (std::size_t i = 0; i < N; ++i) {
    if ((bits & (1U << i)) != 0) {
      result.push_back(words[i]);
    }
  }
  return result;
}

}  // namespace

HostMatch CompiledPack::match(std::string_view host) const noexcept {
  HostMatch result;
  if (host.empty() || host.front() == '.' || host.size() > kMaxNameBytes) {
    return result;
  }
  std::uint32_t best = kNoRule;
  std::uint32_t named = kNoRule;  // the best rule with a provider
  index_.visit(host, [&](std::uint32_t entry, std::string_view left) noexcept {
    const std::uint32_t number = entry & kEntryRuleMask;
    const auto kind = static_cast<PatternKind>(entry >> kEntryKindShift);
    const Rule& rule = rules_[number];
    std::string_view tenant;
    if (kind == PatternKind::exact) {
      if (!left.empty()) {
        return;
      }
    } else if (kind == PatternKind::wild) {
      if (left.empty() || !match_wild(text_.get(rule.wild), left, tenant) ||
          (!tenant.empty() && is_reserved(rule, tenant))) {
        return;
      }
    }
    result.also |= 1U << static_cast<unsigned>(rule.meaning);
    if (number < best) {
      best = number;
      result.tenant = tenant;
    }
    if (rule.provider != 0 && number < named) {
      named = number;
    }
  });
  if (best == kNoRule) {
    return result;
  }
  const Rule& rule = rules_[best];
  result.meaning = rule.meaning;
  result.tool = rule.tool;
  result.role = rule.role;
  result.audience = rule.audience;
  result.confidence = rule.confidence;
  result.weight = rule.weight;
  result.shared_with = rule.shared_with;
  result.rule = best;
  if (rule.by_label) {
    ask_labels(rule, host, result);
  }
  if (named != kNoRule) {
    const Provider& provider = providers_[rules_[named].provider - 1U];
    result.name = text_.get(provider.name);
    result.account = provider.account;
  }
  return result;
}

void CompiledPack::ask_labels(const Rule& rule, std::string_view host,
                              HostMatch& match) const noexcept {
  const std::size_t domain = text_.get(rule.pattern).size();  // ".asana.com", the dot included
  if (host.size() <= domain) {
    return;
  }
  const auto found = labels_.find(host.substr(0, host.size() - domain));
  if (!found) {
    return;
  }
  match.label = found->label;
  match.confidence = RuleConfidence::medium;
  // Files of a domain that lives on other people's pages are loaded by those pages, and there a
  // "secure" or "web" is as often a script's address as the console's.
  if (rule.role == Role::embed && (found->role == Role::asset || found->weak)) {
    return;
  }
  match.role = found->role;
  match.audience = usual_audience(found->role);
  match.shared_with = 0;
}

bool CompiledPack::is_reserved(const Rule& rule, std::string_view tenant) const noexcept {
  // {tenant+} may hold several labels; one reserved label spoils them all.
  for (;;) {
    const std::size_t dot = tenant.find('.');
    if (is_reserved_label(rule, tenant.substr(0, dot))) {
      return true;
    }
    if (dot == tenant.npos) {
      return false;
    }
    tenant.remove_prefix(dot + 1);
  }
}

bool CompiledPack::is_reserved_label(const Rule& rule, std::string_view label) const noexcept {
  if (label.empty()) {
    return true;  // "a..example.com" has no tenant
  }
  const auto first = static_cast<unsigned char>(label.front());
  for (std::size_t i = reserved_by_char_[first]; i < reserved_by_char_[first + 1U]; ++i) {
    if (text_.get(reserved_[i]) == label) {
      return true;
    }
  }
  for (std::size_t i = rule.reserved; i < rule.reserved + rule.reserved_count; ++i) {
    if (text_.get(rule_reserved_[i]) == label) {
      return true;
    }
  }
  return false;
}

ToolView CompiledPack::tool(ToolIndex index) const {
  GNOMON_CHECK(index < tools_.size());
  const Tool& tool = tools_[index];
  ToolView view;
  view.id = text_.get(tool.id);
  view.name = text_.get(tool.name);
  view.vendor = text_.get(tool.vendor);
  view.homepage = text_.get(tool.homepage);
  view.status = text_.get(tool.status);
  view.is_family = (tool.flags & kToolIsFamily) != 0;
  if (!view.is_family && tool.category < categories_.size()) {
    view.category = text_.get(categories_[tool.category].id);
  }
  for (std::size_t i = 0; i < tool.also_count; ++i) {
    view.also.push_back(text_.get(categories_[lists_[tool.lists + i]].id));
  }
  for (std::size_t i = 0; i < tool.job_count; ++i) {
    view.jobs.push_back(text_.get(jobs_[lists_[tool.lists + tool.also_count + i]].id));
  }
  view.data = words_of(tool.data, kDataWords);
  view.exposure = words_of(tool.exposure, kExposureWords);
  view.signin = words_of(tool.signin, kSigninWords);
  view.sso = kSsoWords[tool.sso];
  view.tenancy = kTenancyWords[tool.tenancy];
  if (tool.family != 0) {
    view.family = tool.family - 1;
  }
  view.free_tier = (tool.flags & kToolFreeTier) != 0;
  view.self_signup = (tool.flags & kToolSelfSignup) != 0;
  return view;
}

std::optional<ToolIndex> CompiledPack::find_tool(std::string_view id) const noexcept {
  const auto at = std::lower_bound(
      by_id_.begin(), by_id_.end(), id,
      [&](std::uint32_t tool, auto wanted) { return text_.get(tools_[tool].id) < wanted; });
  if (at == by_id_.end() || text_.get(tools_[*at].id) != id) {
    return std::nullopt;
  }
  return *at;
}

std::vector<CategoryView> CompiledPack::categories() const {
  std::vector<CategoryView> result;
  result.reserve(categories_.size());
  for (const Category& category : categories_) {
    result.push_back({text_.get(category.id), text_.get(category.label), category.martech});
  }
  return result;
}

std::vector<JobView> CompiledPack::jobs() const {
  std::vector<JobView> result;
  result.reserve(jobs_.size());
  for (const Job& job : jobs_) {
    result.push_back(
        {text_.get(job.id), text_.get(job.label), text_.get(categories_[job.category].id)});
  }
  return result;
}

std::optional<double> CompiledPack::weight(std::string_view name) const noexcept {
  const auto at = std::lower_bound(
      weights_.begin(), weights_.end(), name,
      [&](const auto& entry, auto wanted) { return text_.get(entry.first) < wanted; });
  if (at == weights_.end() || text_.get(at->first) != name) {
    return std::nullopt;
  }
  return at->second;
}

std::string_view CompiledPack::rule_text(std::uint32_t rule) const noexcept {
  return rule < rules_.size() ? text_.get(rules_[rule].pattern) : std::string_view{};
}

std::string_view CompiledPack::registrable_domain(std::string_view host) const noexcept {
  return suffixes_.registrable_domain(host);
}

std::string_view CompiledPack::resolver_at(const IpAddress& address) const noexcept {
  const auto at = std::lower_bound(
      resolvers_.begin(), resolvers_.end(), address,
      [](const auto& entry, const IpAddress& wanted) { return entry.first < wanted; });
  if (at == resolvers_.end() || at->first != address) {
    return {};
  }
  return text_.get(providers_[at->second].name);
}

std::optional<std::size_t> CompiledPack::provider_of(std::uint32_t rule) const {
  const std::uint16_t provider = rules_[rule].provider;
  return provider == 0 ? std::nullopt : std::optional<std::size_t>{provider - 1U};
}

std::optional<std::size_t> CompiledPack::find_provider(std::string_view id) const noexcept {
  const auto at = std::find_if(providers_.begin(), providers_.end(), [&](const Provider& provider) {
    return text_.get(provider.id) == id;
  });
  return at == providers_.end()
             ? std::nullopt
             : std::optional<std::size_t>{static_cast<std::size_t>(at - providers_.begin())};
}

std::vector<CompiledPack::TenantView> CompiledPack::own_tenants() const {
  std::vector<TenantView> result;
  for (const Tenant& tenant : tenants_) {
    result.push_back({tenant.provider, text_.get(tenant.id), text_.get(tenant.tenant)});
  }
  return result;
}

std::vector<std::string_view> CompiledPack::sanctioned_tools() const {
  std::vector<std::string_view> result;
  for (const TextRef tool : sanctioned_) {
    result.push_back(text_.get(tool));
  }
  return result;
}

Result<std::shared_ptr<const RulePack>, PackError> RulePack::from_bytes(Bytes bytes,
                                                                        const TrustedKeys& trusted,
                                                                        const PackLimits& limits) {
  const auto opened = open_pack(bytes, PackKind::catalogue, trusted, limits);
  if (!opened) {
    return Failure{opened.error()};
  }
  auto pack = CompiledPack::decode(*opened);
  if (!pack) {
    return Failure{pack.error()};
  }
  return std::shared_ptr<const RulePack>{*pack};
}

Result<std::shared_ptr<const RulePack>, PackError> RulePack::open(const std::string& path,
                                                                  const TrustedKeys& trusted,
                                                                  const PackLimits& limits) {
  const auto bytes = read_pack_bytes(path);
  if (!bytes) {
    return Failure{bytes.error()};
  }
  return from_bytes(*bytes, trusted, limits);
}

std::string_view to_string(Meaning meaning) {
  constexpr std::string_view kWords[] = {
      "unknown",        "tool",        "family",        "denied",          "shared",
      "host-of-others", "tunnel",      "idp",           "captcha",         "mail-click",
      "payment",        "consent",     "encrypted-dns", "ech-public-name", "relay",
      "browser-noise",  "system-noise"};
  return kWords[static_cast<std::size_t>(meaning)];
}

std::string_view to_string(RuleConfidence confidence) {
  constexpr std::string_view kWords[] = {"", "low", "medium", "high"};
  return kWords[static_cast<std::size_t>(confidence)];
}

std::string_view to_string(TenantOwner owner) {
  constexpr std::string_view kWords[] = {"unknown", "own", "foreign"};
  return kWords[static_cast<std::size_t>(owner)];
}

std::string_view to_string(AccountKind kind) {
  constexpr std::string_view kWords[] = {"unknown", "work", "personal", "both"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::string_view to_string(PackFault fault) {
  constexpr std::string_view kWords[] = {
      "unreadable",    "too-large",     "not-a-pack", "truncated",    "damaged",
      "bad-signature", "older-version", "expired",    "newer-format", "wrong-kind"};
  return kWords[static_cast<std::size_t>(fault)];
}

}  // namespace gnomon
