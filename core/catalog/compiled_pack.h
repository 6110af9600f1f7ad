// CompiledPack: the body of one pack in memory, and its matcher.

#pragma once

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "core/catalog/host_index.h"
#include "core/catalog/label_meanings.h"
#include "core/catalog/pack_body.h"
#include "core/catalog/pack_file.h"
#include "core/catalog/rule_pack.h"
#include "core/catalog/suffix_list.h"
#include "core/catalog/text_store.h"

namespace gnomon {

// CompiledPack checks every number and reference of a body once, in decode(); match() then runs
// without a check that could fail. It keeps a copy of the text section and nothing of the file.
class CompiledPack final : public RulePack {
 public:
  // decode takes the opened container. PackFault::damaged when the body does not hold together.
  static Result<std::shared_ptr<const CompiledPack>, PackError> decode(const OpenedPack& opened);

  HostMatch match(std::string_view host) const noexcept override;
  std::uint32_t version() const noexcept override { return manifest_.version; }
  WallTime created() const noexcept override { return manifest_.created; }
  WallTime expires() const noexcept override { return manifest_.expires; }
  std::size_t tool_count() const noexcept override { return tools_.size(); }
  ToolView tool(ToolIndex index) const override;
  std::optional<ToolIndex> find_tool(std::string_view id) const noexcept override;
  const std::vector<Sequence>& sequences() const noexcept override { return sequences_; }
  std::vector<CategoryView> categories() const override;
  std::vector<JobView> jobs() const override;
  std::optional<double> weight(std::string_view name) const noexcept override;
  std::string_view rule_text(std::uint32_t rule) const noexcept override;
  std::uint32_t rule_count() const noexcept override {
    return static_cast<std::uint32_t>(rules_.size());
  }
  std::string_view registrable_domain(std::string_view host) const noexcept override;
  std::string_view resolver_at(const IpAddress& address) const noexcept override;
  bool sanctioned(ToolIndex) const noexcept override { return false; }
  const TrustedKeys& trusted() const noexcept override { return trusted_; }

  // What a layer above needs besides.
  std::uint32_t specificity_of(std::uint32_t rule) const { return rules_[rule].specificity; }
  // provider_of is the place of the rule's provider, or nullopt.
  std::optional<std::size_t> provider_of(std::uint32_t rule) const;
  std::optional<std::size_t> find_provider(std::string_view id) const noexcept;
  bool names_base_tool(ToolIndex index) const { return (tools_[index].flags & kToolOfBase) != 0; }
  struct TenantView {
    bool provider = false;
    std::string_view id;
    std::string_view tenant;
  };
  std::vector<TenantView> own_tenants() const;
  std::vector<std::string_view> sanctioned_tools() const;
  const std::vector<std::pair<TextRef, double>>& weights() const { return weights_; }
  std::string_view text(TextRef ref) const noexcept { return text_.get(ref); }

 private:
  struct Tool {
    TextRef id, name, vendor, homepage, status;
    std::uint32_t family = 0;  // index + 1
    std::uint32_t lists = 0;   // place in lists_: `also` first, then jobs
    std::uint16_t category = 0, data = 0, exposure = 0, signin = 0;
    std::uint8_t also_count = 0, job_count = 0, sso = 0, tenancy = 0, flags = 0;
  };
  struct Rule {
    TextRef pattern, wild;
    std::uint32_t tool = 0, specificity = 0, reserved = 0;  // reserved: place in rule_reserved_
    std::uint16_t shared_with = 0, provider = 0;            // provider: index + 1
    std::uint8_t reserved_count = 0;
    Meaning meaning = Meaning::unknown;
    Role role = Role::unknown;
    Audience audience = Audience::unknown;
    RuleConfidence confidence = RuleConfidence::low;
    RuleWeight weight = RuleWeight::normal;
    bool by_label = false;
  };
  struct Provider {
    TextRef id, name;
    AccountKind account = AccountKind::unknown;
  };
  struct Category {
    TextRef id, label;
    bool martech = false;
  };
  struct Job {
    TextRef id, label;
    std::uint16_t category = 0;
  };

  CompiledPack() = default;
  bool decode_vocabulary(Bytes categories, Bytes jobs, Bytes providers);
  bool decode_tools(Bytes section);
  bool decode_rules(Bytes section);
  bool decode_reserved(Bytes section);
  bool decode_labels(Bytes section);
  bool decode_sequences(Bytes section);
  bool decode_numbers(Bytes weights, Bytes resolvers);
  bool decode_overlay(Bytes tenants, Bytes sanctioned);
  bool is_reserved(const Rule& rule, std::string_view tenant) const noexcept;
  bool is_reserved_label(const Rule& rule, std::string_view label) const noexcept;
  // ask_labels gives `match`, the answer of a rule that leaves it to the labels, the role that the
  // first telling label in front of the rule's domain has. Without one the rule's own role stays.
  void ask_labels(const Rule& rule, std::string_view host, HostMatch& match) const noexcept;

  Manifest manifest_;
  TrustedKeys trusted_;
  TextStore text_;
  std::vector<Tool> tools_;
  std::vector<std::uint16_t> lists_;
  std::vector<std::uint32_t> by_id_;  // tools sorted by id
  std::vector<Rule> rules_;
  std::vector<TextRef> rule_reserved_;
  std::vector<TextRef> reserved_;                      // sorted
  std::array<std::uint16_t, 257> reserved_by_char_{};  // reserved_ by first character
  LabelMeanings labels_;
  std::vector<Provider> providers_;
  std::vector<Category> categories_;
  std::vector<Job> jobs_;
  std::vector<Sequence> sequences_;
  std::vector<std::pair<TextRef, double>> weights_;             // sorted by name
  std::vector<std::pair<IpAddress, std::uint16_t>> resolvers_;  // sorted
  struct Tenant {
    bool provider = false;
    TextRef id, tenant;
  };
  std::vector<Tenant> tenants_;
  std::vector<TextRef> sanctioned_;
  HostIndex index_;
  SuffixList suffixes_;
};

}  // namespace gnomon
