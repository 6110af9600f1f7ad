// CompiledPack: the body of one pack, and its matcher.

#pragma once

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "core/catalog/host_index.h"
#include "core/catalog/label_meanings.h"
#include "core/catalog/pack_body.h"
#include "core/catalog/pack_bytes.h"
#include "core/catalog/pack_file.h"
#include "core/catalog/records.h"
#include "core/catalog/rule_pack.h"
#include "core/catalog/suffix_list.h"
#include "core/catalog/text_store.h"

namespace gnomon {

// CompiledPack reads a pack where it lies, mapped or in memory: what grows with the catalogue is
// not copied. Every number and reference of the body is checked once, in open(); match() then runs
// without a check that could fail. Small lists (providers, sequences, weights ...) are decoded.
class CompiledPack final : public RulePack {
 public:
  // open checks the container (open_pack) and what is in it.
  static Result<std::shared_ptr<const CompiledPack>, PackError> open(PackBytes bytes, PackKind kind,
                                                                     const TrustedKeys& trusted,
                                                                     const PackLimits& limits);

  // open_body takes a container that was opened, whose body lies in `bytes`. PackFault::damaged
  // when the body does not hold together.
  static Result<std::shared_ptr<const CompiledPack>, PackError> open_body(OpenedPack opened,
                                                                          PackBytes bytes);

  HostMatch match(std::string_view host) const noexcept override { return match_with(host, *this); }
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
  std::uint32_t rule_count() const noexcept override { return rules_.size(); }
  HostMatch rule_says(std::uint32_t rule) const noexcept override;
  std::string_view registrable_domain(std::string_view host) const noexcept override;
  std::string_view resolver_at(const IpAddress& address) const noexcept override;
  bool sanctioned(ToolIndex) const noexcept override { return false; }
  TenantOwner owner_of(ToolIndex, std::string_view) const noexcept override {
    return TenantOwner::unknown;
  }
  const TrustedKeys& trusted() const noexcept override { return trusted_; }

  // What a layer above needs besides.
  // match_with answers as match() does, by the reserved labels and the meanings of labels that
  // `words` has: an overlay brings none of its own, and the catalogue's hold in it too.
  HostMatch match_with(std::string_view host, const CompiledPack& words) const noexcept;
  std::uint32_t specificity_of(std::uint32_t rule) const noexcept {
    return be32<6>(patterns_[rule]);
  }
  // provider_of is the place of the rule's provider, or nullopt.
  std::optional<std::size_t> provider_of(std::uint32_t rule) const;
  std::optional<std::size_t> find_provider(std::string_view id) const noexcept;
  bool names_base_tool(ToolIndex index) const noexcept {
    return (flags_of(tools_[index]) & kToolOfBase) != 0;
  }
  struct TenantView {
    bool provider = false;
    std::string_view id;
    std::string_view tenant;
  };
  std::vector<TenantView> own_tenants() const;
  std::vector<std::string_view> sanctioned_tools() const;

 private:
  using Tool = FixedBytes<kToolBytes>;
  using Rule = FixedBytes<kRuleBytes>;
  // Facts is what a rule says of a host; rules that say the same share it.
  struct Facts {
    std::uint16_t shared_with = 0, provider = 0;     // provider: index + 1
    std::uint32_t reserved = 0, reserved_count = 0;  // place in rule_reserved_
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

  explicit CompiledPack(PackBytes bytes) : bytes_(std::move(bytes)) {}

  // Fields of the records, by FORMAT.md.
  template <std::size_t At, std::size_t N>
  static TextRef ref_at(FixedBytes<N> record) noexcept {
    return {be32<At>(record), be16<At + 4>(record)};
  }
  static std::uint8_t flags_of(Tool tool) noexcept { return tool[44]; }
  static std::uint32_t tool_of(Rule rule) noexcept { return be32<0>(rule); }
  static TextRef wild_of(Rule rule) noexcept { return {be32<6>(rule), be16<10>(rule)}; }
  const Facts& facts_of(Rule rule) const noexcept;

  bool decode_vocabulary(Bytes categories, Bytes jobs, Bytes providers);
  bool open_tools(Bytes tools, Bytes lists);
  bool open_rules(Bytes rules, Bytes patterns);
  bool decode_facts(Bytes section);
  bool decode_reserved(Bytes section);
  bool decode_labels(Bytes section);
  bool decode_sequences(Bytes section);
  bool decode_numbers(Bytes weights, Bytes resolvers);
  bool decode_overlay(Bytes tenants, Bytes sanctioned);
  bool is_reserved(const Facts& facts, std::string_view tenant,
                   const CompiledPack& words) const noexcept;
  bool is_reserved_word(std::string_view label) const noexcept;
  bool is_made_of_reserved(std::string_view label) const noexcept;
  // ask_labels gives `match`, the answer of a rule that leaves it to the labels, the role that the
  // first telling label of those in front of the rule's domain has. Without one the rule's own role
  // stays.
  void ask_labels(const Facts& facts, std::string_view labels, HostMatch& match) const noexcept;

  PackBytes bytes_;
  Manifest manifest_;
  TrustedKeys trusted_;
  // Read in place.
  TextStore text_;
  Records<kToolBytes> tools_;
  Records<2> lists_;
  Records<kRuleBytes> rules_;
  Records<kPatternBytes> patterns_;
  HostIndex index_;
  SuffixList suffixes_;
  // Decoded.
  std::vector<Facts> facts_;
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
};

}  // namespace gnomon
