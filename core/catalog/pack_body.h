// The body of a pack: section numbers and the plain content that a writer puts in. FORMAT.md has
// the grammar.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/catalog/host_pattern.h"
#include "core/catalog/rule_pack.h"
#include "core/ip_address.h"

namespace gnomon {

enum class Section : std::uint16_t {
  text = 1,       // every string, referred to by place and size
  tools = 2,      // tools and families, by id
  rules = 3,      // sorted: most specific first; what matching needs of them
  nodes = 4,      // the index: one node for each run of fixed labels
  entries = 5,    // the rules at each node
  reserved = 6,   // labels that are no tenants
  providers = 7,  // identity providers and owners of blind spots
  sequences = 8,
  weights = 9,  // numbers of the judging model
  categories = 10,
  jobs = 11,
  resolvers = 12,     // addresses of encrypted DNS
  suffixes = 13,      // public suffixes
  tenants = 14,       // overlay: the company's own
  sanctioned = 15,    // overlay: approved tools
  labels = 16,        // what common labels mean
  slots = 17,         // hash table of the nodes
  facts = 18,         // what rules say of a host, each combination once
  patterns = 19,      // of each rule; read for explanations and overlays only
  lists = 20,         // categories and jobs of the tools
  suffix_slots = 21,  // hash table of the public suffixes
};

// Sizes of the records that are read where they lie. FORMAT.md names their fields.
constexpr std::size_t kToolBytes = 51;
constexpr std::size_t kRuleBytes = 12;
constexpr std::size_t kPatternBytes = 10;
constexpr std::size_t kNodeBytes = 16;
constexpr std::size_t kSuffixBytes = 7;

// Bits of a tool record.
constexpr std::uint8_t kToolIsFamily = 1;
constexpr std::uint8_t kToolFreeTier = 2;
constexpr std::uint8_t kToolSelfSignup = 4;
constexpr std::uint8_t kToolOfBase = 8;  // overlay: `id` names a tool of the catalogue

// Bits of a public suffix (publicsuffix.org, "Format"): as it stands, "*." before it, "!".
constexpr std::uint8_t kSuffixPlain = 1;
constexpr std::uint8_t kSuffixWildcard = 2;
constexpr std::uint8_t kSuffixException = 4;

// The two upper bits of an index entry are the rule's PatternKind, the rest its number.
constexpr unsigned kEntryKindShift = 30;
constexpr std::uint32_t kEntryRuleMask = (1U << kEntryKindShift) - 1;

struct ToolRecord {
  std::string id;
  std::string name;
  std::string vendor;
  std::string homepage;
  std::string status = "active";
  std::uint16_t category = 0;  // place in PackContent::categories
  std::vector<std::uint16_t> also;
  std::vector<std::uint16_t> jobs;  // places in PackContent::jobs
  std::uint16_t data = 0;           // bits by core/catalog/words.h
  std::uint16_t exposure = 0;
  std::uint16_t signin = 0;
  std::uint8_t sso = 0;  // places in the lists of words.h
  std::uint8_t tenancy = 0;
  std::uint8_t flags = 0;
  std::optional<ToolIndex> family;
};

struct RuleRecord {
  HostPattern pattern;
  Meaning meaning = Meaning::tool;
  ToolIndex tool = 0;
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  RuleConfidence confidence = RuleConfidence::high;
  RuleWeight weight = RuleWeight::normal;
  std::uint16_t shared_with = 0;
  std::optional<std::uint16_t> provider;
  std::vector<std::string> reserved;
  bool by_label = false;  // a suffix: common labels below it mean what they usually mean
};

// LabelRecord is what a label usually means below a product's own domain: "docs" is a site.
struct LabelRecord {
  std::string label;
  Role role = Role::unknown;
  bool weak = false;  // says nothing below a domain of scripts: "secure", "web"
};

// Bit of a label's role byte.
constexpr std::uint8_t kLabelWeak = 0x80;

struct ProviderRecord {
  std::string id;
  std::string name;
  AccountKind account = AccountKind::unknown;
};

struct SequenceRecord {
  std::string id;
  ToolIndex tool = 0;
  Stage then = Stage::signup_likely;
  std::uint32_t within_s = 1800;
  bool first_ever_user = true;
  struct Step {
    Role role = Role::unknown;
    std::optional<std::uint32_t> rule;  // place in PackContent::rules
    std::uint16_t min_flows = 1;
    bool optional = false;
  };
  std::vector<Step> steps;
};

struct CategoryRecord {
  std::string id;
  std::string label;
  bool martech = false;
};

struct JobRecord {
  std::string id;
  std::string label;
  std::uint16_t category = 0;
};

struct SuffixRecord {
  std::string text;  // A-labels, without "*." or "!"
  std::uint8_t kinds = kSuffixPlain;
};

// OwnTenant is one tenant of the company: of a tool, or of an identity provider.
struct OwnTenant {
  bool provider = false;
  std::string id;  // tool or provider
  std::string tenant;
};

// PackContent is all that a pack holds, in any order; writing sorts what has to be sorted.
struct PackContent {
  std::vector<ToolRecord> tools;
  std::vector<RuleRecord> rules;
  std::vector<std::string> reserved;
  std::vector<LabelRecord> labels;
  std::vector<ProviderRecord> providers;
  std::vector<SequenceRecord> sequences;
  std::vector<std::pair<std::string, double>> weights;
  std::vector<CategoryRecord> categories;
  std::vector<JobRecord> jobs;
  std::vector<std::pair<IpAddress, std::uint16_t>> resolvers;  // address, provider
  std::vector<SuffixRecord> suffixes;
  std::vector<OwnTenant> tenants;
  std::vector<std::string> sanctioned;  // tool ids
};

// Limits that a reader holds a pack to. A catalogue ten times today's fits.
constexpr std::size_t kMaxTools = 100'000;
constexpr std::size_t kMaxRules = 1'000'000;
constexpr std::size_t kMaxEntriesAtNode = 4096;

}  // namespace gnomon
