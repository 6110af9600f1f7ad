#include "core/catalog/overlay.h"

#include <algorithm>
#include <tuple>

#include "core/catalog/compiled_pack.h"
#include "core/catalog/pack_file.h"
#include "core/check.h"

namespace gnomon {
namespace {

// The bits of a specificity that speak of the pattern alone, not of meaning.
constexpr unsigned kPatternShift = 15;

// LayeredPack answers from a catalogue and an overlay.
class LayeredPack final : public RulePack {
 public:
  LayeredPack(std::shared_ptr<const CompiledPack> base, std::shared_ptr<const CompiledPack> over)
      : base_(std::move(base)), over_(std::move(over)) {
    map_tools();
    map_tenants();
    join_sequences();
  }

  HostMatch match(std::string_view host) const noexcept override {
    const HostMatch below = base_->match(host);
    HostMatch above = over_->match_with(host, *base_);
    HostMatch best = below;
    if (above.meaning != Meaning::unknown && usable(above)) {
      const bool as_specific = below.meaning == Meaning::unknown ||
                               (over_->specificity_of(above.rule) >> kPatternShift) >=
                                   (base_->specificity_of(below.rule) >> kPatternShift);
      above = numbered(above);
      best = as_specific ? above : under_wider(above, below);
      best.also = above.also | below.also;
      if (best.name.empty()) {
        best.name = below.name;
        best.account = below.account;
      }
    }
    if (!best.tenant.empty()) {
      best.owner = owner_of_match(
          best, best.rule < base_->rule_count() ? base_->provider_of(best.rule) : std::nullopt);
    }
    return best;
  }

  std::uint32_t version() const noexcept override { return base_->version(); }
  WallTime created() const noexcept override { return base_->created(); }
  WallTime expires() const noexcept override { return base_->expires(); }
  std::size_t tool_count() const noexcept override { return base_->tool_count() + own_.size(); }
  ToolView tool(ToolIndex index) const override {
    if (index < base_->tool_count()) {
      return base_->tool(index);
    }
    GNOMON_CHECK(index < tool_count());
    ToolView view = over_->tool(own_[index - base_->tool_count()]);
    if (view.family) {
      view.family = tools_[*view.family];
    }
    return view;
  }
  std::optional<ToolIndex> find_tool(std::string_view id) const noexcept override {
    const auto own = over_->find_tool(id);
    return own && tools_[*own] != kNoTool ? tools_[*own] : base_->find_tool(id);
  }
  const std::vector<Sequence>& sequences() const noexcept override { return sequences_; }
  std::vector<CategoryView> categories() const override { return base_->categories(); }
  std::vector<JobView> jobs() const override { return base_->jobs(); }
  std::optional<double> weight(std::string_view name) const noexcept override {
    const auto own = over_->weight(name);
    return own ? own : base_->weight(name);
  }
  std::string_view rule_text(std::uint32_t rule) const noexcept override {
    return rule < base_->rule_count() ? base_->rule_text(rule)
                                      : over_->rule_text(rule - base_->rule_count());
  }
  std::uint32_t rule_count() const noexcept override {
    return base_->rule_count() + over_->rule_count();
  }
  HostMatch rule_says(std::uint32_t rule) const noexcept override {
    if (rule < base_->rule_count()) {
      return base_->rule_says(rule);
    }
    HostMatch said = over_->rule_says(rule - base_->rule_count());
    return said.meaning == Meaning::unknown || !usable(said) ? HostMatch{} : numbered(said);
  }
  std::string_view registrable_domain(std::string_view host) const noexcept override {
    return base_->registrable_domain(host);
  }
  std::string_view resolver_at(const IpAddress& address) const noexcept override {
    return base_->resolver_at(address);
  }
  bool sanctioned(ToolIndex index) const noexcept override {
    return std::binary_search(sanctioned_.begin(), sanctioned_.end(), index);
  }
  TenantOwner owner_of(ToolIndex tool, std::string_view tenant) const noexcept override {
    return owner_of(false, tool, tenant);
  }
  const TrustedKeys& trusted() const noexcept override { return base_->trusted(); }

 private:
  static constexpr ToolIndex kNoTool = 0xffffffff;

  // Tenant is one of the company's own; `key` is a tool, or a provider of the catalogue.
  struct Tenant {
    bool provider = false;
    std::uint32_t key = 0;
    std::string_view tenant;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes a defaulted comparison for a zero
    auto operator<=>(const Tenant&) const = default;
  };

  // numbered gives an answer of the overlay this pack's numbers of tool and rule.
  HostMatch numbered(HostMatch said) const noexcept {
    said.tool = tools_.empty() ? 0 : tools_[std::min<std::size_t>(said.tool, tools_.size() - 1)];
    said.rule += base_->rule_count();
    said.role_rule += base_->rule_count();
    return said;
  }

  static bool of_tool(const HostMatch& match) noexcept {
    return match.meaning == Meaning::tool || match.meaning == Meaning::family;
  }

  // under_wider answers where the company's rule is the wider one. Whose a host is, the company
  // knows best, however wide it says so: a tool of its own, or nobody. What a contact with the host
  // means, the narrower rule knows better: a script below the company's domain stays a script. And
  // what is no tool's in the catalogue (identity providers, shared infrastructure ...) keeps its
  // meaning unless the company names it as narrowly.
  static HostMatch under_wider(const HostMatch& above, const HostMatch& below) noexcept {
    if (above.meaning == Meaning::denied || below.meaning == Meaning::denied) {
      return above;
    }
    if (!of_tool(below) || below.tool == above.tool) {
      return below;
    }
    HostMatch joined = below;
    joined.meaning = above.meaning;
    joined.tool = above.tool;
    joined.rule = above.rule;
    return joined;
  }

  // A rule about a tool that the catalogue no longer has says nothing.
  bool usable(const HostMatch& above) const noexcept {
    return !of_tool(above) || tools_[above.tool] != kNoTool;
  }

  void map_tools() {
    for (ToolIndex i = 0; i < over_->tool_count(); ++i) {
      if (over_->names_base_tool(i)) {
        tools_.push_back(base_->find_tool(over_->tool(i).id).value_or(kNoTool));
      } else {
        tools_.push_back(static_cast<ToolIndex>(base_->tool_count() + own_.size()));
        own_.push_back(i);
      }
    }
    for (const std::string_view id : over_->sanctioned_tools()) {
      if (const auto tool = find_tool(id)) {
        sanctioned_.push_back(*tool);
      }
    }
    std::sort(sanctioned_.begin(), sanctioned_.end());
  }

  void map_tenants() {
    for (const auto& [provider, id, tenant] : over_->own_tenants()) {
      if (provider) {
        if (const auto key = base_->find_provider(id)) {
          tenants_.push_back({true, static_cast<std::uint32_t>(*key), tenant});
        }
      } else if (const auto key = find_tool(id)) {
        tenants_.push_back({false, *key, tenant});
      }
    }
    std::sort(tenants_.begin(), tenants_.end());
  }

  void join_sequences() {
    sequences_ = base_->sequences();
    for (Sequence sequence : over_->sequences()) {
      sequence.tool = tools_[sequence.tool];
      if (sequence.tool == kNoTool) {
        continue;
      }
      for (SequenceStep& step : sequence.steps) {
        if (step.rule) {
          step.rule = *step.rule + base_->rule_count();
        }
      }
      sequences_.push_back(std::move(sequence));
    }
  }

  TenantOwner owner_of_match(const HostMatch& match,
                             std::optional<std::size_t> provider) const noexcept {
    if (of_tool(match)) {
      return owner_of(false, match.tool, match.tenant);
    }
    return provider ? owner_of(true, static_cast<std::uint32_t>(*provider), match.tenant)
                    : TenantOwner::unknown;
  }

  TenantOwner owner_of(bool provider, std::uint32_t key, std::string_view tenant) const noexcept {
    Tenant wanted;
    wanted.provider = provider;
    wanted.key = key;
    const auto first = std::lower_bound(tenants_.begin(), tenants_.end(), wanted);
    const auto same = [&](const Tenant& entry) {
      return entry.provider == wanted.provider && entry.key == wanted.key;
    };
    if (first == tenants_.end() || !same(*first)) {
      return TenantOwner::unknown;
    }
    for (auto at = first; at != tenants_.end() && same(*at); ++at) {
      if (at->tenant == tenant) {
        return TenantOwner::own;
      }
    }
    return TenantOwner::foreign;
  }

  std::shared_ptr<const CompiledPack> base_;  // shared: the caller may keep using them alone
  std::shared_ptr<const CompiledPack> over_;
  std::vector<ToolIndex> tools_;  // overlay's tool -> number here, kNoTool: left out
  std::vector<ToolIndex> own_;    // overlay's number of each own tool
  std::vector<ToolIndex> sanctioned_;
  std::vector<Tenant> tenants_;
  std::vector<Sequence> sequences_;
};

}  // namespace

Result<std::shared_ptr<const OverlayPack>, PackError> OverlayPack::opened(
    Result<std::shared_ptr<const CompiledPack>, PackError> body) {
  if (!body) {
    return Failure{body.error()};
  }
  return std::shared_ptr<const OverlayPack>{new OverlayPack{std::move(*body)}};
}

Result<std::shared_ptr<const OverlayPack>, PackError> OverlayPack::from_bytes(
    Bytes bytes, const TrustedKeys& trusted, const PackLimits& limits) {
  return opened(CompiledPack::open(PackBytes::copy_of(bytes), PackKind::overlay, trusted, limits));
}

Result<std::shared_ptr<const OverlayPack>, PackError> OverlayPack::open(const std::string& path,
                                                                        const TrustedKeys& trusted,
                                                                        const PackLimits& limits) {
  auto bytes = PackBytes::map(path);
  if (!bytes) {
    return Failure{bytes.error()};
  }
  return opened(CompiledPack::open(std::move(*bytes), PackKind::overlay, trusted, limits));
}

std::uint32_t OverlayPack::version() const noexcept {
  return body_->version();
}
WallTime OverlayPack::expires() const noexcept {
  return body_->expires();
}
std::vector<std::string_view> OverlayPack::own_tools() const {
  std::vector<std::string_view> ids;
  for (ToolIndex i = 0; i < body_->tool_count(); ++i) {
    if (!body_->names_base_tool(i)) {
      ids.push_back(body_->tool(i).id);
    }
  }
  return ids;
}
std::size_t OverlayPack::tenants() const {
  return body_->own_tenants().size();
}
std::vector<std::string_view> OverlayPack::sanctioned() const {
  return body_->sanctioned_tools();
}
const TrustedKeys& OverlayPack::trusted() const noexcept {
  return body_->trusted();
}

std::shared_ptr<const RulePack> with_overlay(std::shared_ptr<const RulePack> base,
                                             const std::shared_ptr<const OverlayPack>& overlay) {
  auto compiled = std::dynamic_pointer_cast<const CompiledPack>(std::move(base));
  GNOMON_CHECK(compiled != nullptr && overlay != nullptr);
  return std::make_shared<const LayeredPack>(std::move(compiled), overlay->body_);
}

}  // namespace gnomon
