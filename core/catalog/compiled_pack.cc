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

HostMatch CompiledPack::match_with(std::string_view host,
                                   const CompiledPack& words) const noexcept {
  HostMatch result;
  if (host.empty() || host.front() == '.' || host.size() > kMaxNameBytes) {
    return result;
  }
  std::uint32_t best = kNoRule;
  std::uint32_t named = kNoRule;  // the best rule with a provider
  std::string_view in_front;      // of the best rule's domain
  index_.visit(host, [&](std::uint32_t entry, std::string_view left) noexcept {
    const std::uint32_t number = entry & kEntryRuleMask;
    const auto kind = static_cast<PatternKind>(entry >> kEntryKindShift);
    if (kind == PatternKind::exact && !left.empty()) {
      return;
    }
    const Rule rule = rules_[number];
    const Facts& facts = facts_of(rule);
    std::string_view tenant;
    if (kind == PatternKind::wild &&
        (left.empty() || !match_wild(text_.get(wild_of(rule)), left, tenant) ||
         (!tenant.empty() && is_reserved(facts, tenant, words)))) {
      return;
    }
    result.also |= 1U << static_cast<unsigned>(facts.meaning);
    if (number < best) {
      best = number;
      result.tenant = tenant;
      in_front = left;
    }
    if (facts.provider != 0 && number < named) {
      named = number;
    }
  });
  if (best == kNoRule) {
    return result;
  }
  HostMatch answer = rule_says(best);
  answer.also = result.also;
  answer.tenant = result.tenant;
  if (const Facts& facts = facts_of(rules_[best]); facts.by_label) {
    words.ask_labels(facts, in_front, answer);
  }
  if (named != kNoRule) {
    const Provider& provider = providers_[facts_of(rules_[named]).provider - 1U];
    answer.name = text_.get(provider.name);
    answer.account = provider.account;
  }
  return answer;
}

HostMatch CompiledPack::rule_says(std::uint32_t rule) const noexcept {
  HostMatch said;
  if (rule >= rules_.size()) {
    return said;
  }
  const Facts& facts = facts_of(rules_[rule]);
  said.meaning = facts.meaning;
  said.tool = std::min(tool_of(rules_[rule]), tools_.size() == 0 ? 0 : tools_.size() - 1);
  said.role = facts.role;
  said.audience = facts.audience;
  said.confidence = facts.confidence;
  said.weight = facts.weight;
  said.shared_with = facts.shared_with;
  said.rule = rule;
  said.role_rule = rule;
  return said;
}

void CompiledPack::ask_labels(const Facts& facts, std::string_view labels,
                              HostMatch& match) const noexcept {
  const auto found = labels_.find(labels);
  if (!found) {
    return;
  }
  match.label = found->label;
  match.confidence = RuleConfidence::medium;
  // Files of a domain that lives on other people's pages are loaded by those pages, and there a
  // "secure" or "web" is as often a script's address as the console's.
  if (facts.role == Role::embed && (found->role == Role::asset || found->weak)) {
    return;
  }
  match.role = found->role;
  match.audience = usual_audience(found->role);
  match.shared_with = 0;
}

const CompiledPack::Facts& CompiledPack::facts_of(Rule rule) const noexcept {
  static constexpr Facts kNothing;
  const std::uint16_t index = be16<4>(rule);
  return index < facts_.size() ? facts_[index] : kNothing;
}

bool CompiledPack::is_reserved(const Facts& facts, std::string_view tenant,
                               const CompiledPack& words) const noexcept {
  // {tenant+} may hold several labels; one reserved label spoils them all.
  for (;;) {
    const std::size_t dot = tenant.find('.');
    const std::string_view label = tenant.substr(0, dot);
    if (label.empty() || words.is_reserved_word(label) || words.is_made_of_reserved(label)) {
      return true;  // an empty one: "a..example.com" has no tenant
    }
    for (std::size_t i = facts.reserved; i < facts.reserved + facts.reserved_count; ++i) {
      if (text_.get(rule_reserved_[i]) == label) {
        return true;
      }
    }
    if (dot == std::string_view::npos) {
      return false;
    }
    tenant.remove_prefix(dot + 1);
  }
}

// is_made_of_reserved: "assets2", "web-assets", "cdn-3". Each part between hyphens is a reserved
// word, perhaps with digits behind it, or a number; one at least is a word.
bool CompiledPack::is_made_of_reserved(std::string_view label) const noexcept {
  bool word = false;
  for (;;) {
    const std::size_t hyphen = label.find('-');
    const std::string_view part = label.substr(0, hyphen);
    const std::size_t end = part.find_last_not_of("0123456789");
    if (end != std::string_view::npos) {
      if (!is_reserved_word(part.substr(0, end + 1))) {
        return false;
      }
      word = true;
    }
    if (hyphen == std::string_view::npos) {
      return word;
    }
    label.remove_prefix(hyphen + 1);
  }
}

bool CompiledPack::is_reserved_word(std::string_view label) const noexcept {
  const auto first = static_cast<unsigned char>(label.front());
  for (std::size_t i = reserved_by_char_[first]; i < reserved_by_char_[first + 1U]; ++i) {
    if (text_.get(reserved_[i]) == label) {
      return true;
    }
  }
  return false;
}

ToolView CompiledPack::tool(ToolIndex index) const {
  GNOMON_CHECK(index < tools_.size());
  const Tool tool = tools_[index];
  ToolView view;
  view.id = text_.get(ref_at<0>(tool));
  view.name = text_.get(ref_at<6>(tool));
  view.vendor = text_.get(ref_at<12>(tool));
  view.homepage = text_.get(ref_at<18>(tool));
  view.status = text_.get(ref_at<24>(tool));
  view.is_family = (flags_of(tool) & kToolIsFamily) != 0;
  if (const std::uint16_t category = be16<34>(tool);
      !view.is_family && category < categories_.size()) {
    view.category = text_.get(categories_[category].id);
  }
  const std::uint32_t first = be32<47>(tool);
  const std::uint32_t also = tool[45];
  const std::uint32_t jobs = tool[46];
  for (std::uint32_t i = first; i < first + also; ++i) {
    view.also.push_back(text_.get(categories_.at(be16<0>(lists_[i])).id));
  }
  for (std::uint32_t i = first + also; i < first + also + jobs; ++i) {
    view.jobs.push_back(text_.get(jobs_.at(be16<0>(lists_[i])).id));
  }
  view.data = words_of(be16<36>(tool), kDataWords);
  view.exposure = words_of(be16<38>(tool), kExposureWords);
  view.signin = words_of(be16<40>(tool), kSigninWords);
  view.sso = kSsoWords.at(tool[42]);
  view.tenancy = kTenancyWords.at(tool[43]);
  if (const std::uint32_t family = be32<30>(tool); family != 0) {
    view.family = family - 1;
  }
  view.free_tier = (flags_of(tool) & kToolFreeTier) != 0;
  view.self_signup = (flags_of(tool) & kToolSelfSignup) != 0;
  return view;
}

std::optional<ToolIndex> CompiledPack::find_tool(std::string_view id) const noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = tools_.size();
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (text_.get(ref_at<0>(tools_[middle])) < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == tools_.size() || text_.get(ref_at<0>(tools_[low])) != id) {
    return std::nullopt;
  }
  return low;
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
  return rule < patterns_.size() ? text_.get(ref_at<0>(patterns_[rule])) : std::string_view{};
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
  const std::uint16_t provider = facts_of(rules_[rule]).provider;
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
  auto pack = CompiledPack::open(PackBytes::copy_of(bytes), PackKind::catalogue, trusted, limits);
  if (!pack) {
    return Failure{pack.error()};
  }
  return std::shared_ptr<const RulePack>{std::move(*pack)};
}

Result<std::shared_ptr<const RulePack>, PackError> RulePack::open(const std::string& path,
                                                                  const TrustedKeys& trusted,
                                                                  const PackLimits& limits) {
  auto bytes = PackBytes::map(path);
  if (!bytes) {
    return Failure{bytes.error()};
  }
  auto pack = CompiledPack::open(std::move(*bytes), PackKind::catalogue, trusted, limits);
  if (!pack) {
    return Failure{pack.error()};
  }
  return std::shared_ptr<const RulePack>{std::move(*pack)};
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
