// A rule pack of a few exact hosts, for tests of the rooms behind the matcher.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/catalog/rule_pack.h"

namespace gnomon::testing {

// FakeRulePack answers by exact host. Tools are added in the order of their index.
class FakeRulePack final : public RulePack {
 public:
  ToolIndex add_tool(std::string id, std::optional<ToolIndex> family = {}, bool is_family = false) {
    tools_.push_back({std::move(id), family, is_family, {}});
    return static_cast<ToolIndex>(tools_.size() - 1);
  }

  HostMatch& add_host(std::string host, Meaning meaning, ToolIndex tool = 0,
                      Role role = Role::unknown, Audience audience = Audience::user) {
    HostMatch& match = hosts_[std::move(host)];
    match.meaning = meaning;
    match.tool = tool;
    match.role = role;
    match.audience = audience;
    match.confidence = RuleConfidence::high;
    match.also = 1U << static_cast<unsigned>(meaning);
    match.rule = static_cast<std::uint32_t>(hosts_.size());
    return match;
  }

  void set_category(ToolIndex tool, std::string category) {
    tools_.at(tool).category = std::move(category);
  }
  void add_sequence(Sequence sequence) { sequences_.push_back(std::move(sequence)); }
  // set_own_tenant: of this tool the company has this tenant; others are foreign.
  void set_own_tenant(ToolIndex tool, std::string tenant) {
    own_tenants_[tool] = std::move(tenant);
  }
  void set_weight(std::string name, double value) { weights_[std::move(name)] = value; }

  HostMatch match(std::string_view host) const noexcept override {
    const auto found = hosts_.find(std::string{host});
    return found == hosts_.end() ? HostMatch{} : found->second;
  }
  std::uint32_t version() const noexcept override { return 7; }
  WallTime created() const noexcept override { return {}; }
  WallTime expires() const noexcept override { return WallTime::max(); }
  std::size_t tool_count() const noexcept override { return tools_.size(); }
  ToolView tool(ToolIndex index) const override {
    const Tool& tool = tools_.at(index);
    ToolView view;
    view.id = tool.id;
    view.name = tool.id;
    view.family = tool.family;
    view.is_family = tool.is_family;
    view.category = tool.category;
    return view;
  }
  std::optional<ToolIndex> find_tool(std::string_view id) const noexcept override {
    for (std::size_t i = 0; i < tools_.size(); ++i) {
      if (tools_[i].id == id) {
        return static_cast<ToolIndex>(i);
      }
    }
    return std::nullopt;
  }
  const std::vector<Sequence>& sequences() const noexcept override { return sequences_; }
  std::optional<double> weight(std::string_view name) const noexcept override {
    const auto found = weights_.find(std::string{name});
    return found == weights_.end() ? std::nullopt : std::optional<double>{found->second};
  }
  std::string_view rule_text(std::uint32_t) const noexcept override { return {}; }
  HostMatch rule_says(std::uint32_t rule) const noexcept override {
    for (const auto& [host, match] : hosts_) {
      if (match.rule == rule) {
        return match;
      }
    }
    return {};
  }
  std::uint32_t rule_count() const noexcept override {
    return static_cast<std::uint32_t>(hosts_.size());
  }
  std::vector<CategoryView> categories() const override { return {}; }
  std::vector<JobView> jobs() const override { return {}; }
  // The last two labels, as if every suffix had one.
  std::string_view registrable_domain(std::string_view host) const noexcept override {
    const std::size_t last = host.rfind('.');
    const std::size_t before =
        last == 0 || last == host.npos ? host.npos : host.rfind('.', last - 1);
    return before == host.npos ? host : host.substr(before + 1);
  }
  std::string_view resolver_at(const IpAddress&) const noexcept override { return {}; }
  bool sanctioned(ToolIndex) const noexcept override { return false; }
  TenantOwner owner_of(ToolIndex tool, std::string_view tenant) const noexcept override {
    const auto own = own_tenants_.find(tool);
    return own == own_tenants_.end() ? TenantOwner::unknown
           : own->second == tenant   ? TenantOwner::own
                                     : TenantOwner::foreign;
  }
  const TrustedKeys& trusted() const noexcept override { return trusted_; }

 private:
  struct Tool {
    std::string id;
    std::optional<ToolIndex> family;
    bool is_family = false;
    std::string category;
  };

  std::vector<Tool> tools_;
  std::map<std::string, HostMatch> hosts_;
  std::map<std::string, double> weights_;
  std::map<ToolIndex, std::string> own_tenants_;
  std::vector<Sequence> sequences_;
  TrustedKeys trusted_;
};

}  // namespace gnomon::testing
