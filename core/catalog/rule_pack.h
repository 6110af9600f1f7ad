// RulePack: the compiled catalogue and its matcher. The agent matches with it, the collector
// names tools with it.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/clock.h"
#include "core/contact.h"
#include "core/ip_address.h"
#include "core/result.h"

namespace gnomon {

// ToolIndex numbers the tools (and families) of one pack, from 0; it means nothing in another.
using ToolIndex = std::uint32_t;

// RuleConfidence is how sure the catalogue is of one host rule. Low is never used alone.
enum class RuleConfidence : std::uint8_t { low = 1, medium = 2, high = 3 };

// RuleWeight overrides what a host counts as evidence.
enum class RuleWeight : std::uint8_t { normal = 0, strong = 1, weak = 2, none = 3 };

// Meaning is the kind of answer a host gets.
enum class Meaning : std::uint8_t {
  unknown,         // nothing in the catalogue
  tool,            // a tool's host
  family,          // shared by the tools of one vendor family: `tool` is the family's record
  denied,          // a deny rule cancels a wider one: nobody's
  shared,          // shared infrastructure: never attributed
  host_of_others,  // pages of the vendor's customers on shared infrastructure
  tunnel,          // ngrok and its kind: a finding of its own, not a tool
  idp,             // identity provider; `name` says which
  captcha,         // company for other evidence
  mail_click,
  payment,
  consent,
  encrypted_dns,  // blind spots
  ech_public_name,
  relay,
  browser_noise,  // contacted by browsers and systems by themselves
  system_noise,
};

// TenantOwner tells whose tenant a host shows, as far as the company's overlay says.
enum class TenantOwner : std::uint8_t {
  unknown,  // no tenant, or the overlay names none of this tool
  own,      // listed as the company's own
  foreign,  // the overlay names tenants of this tool, and this is not one of them
};

// AccountKind is whose account an identity provider usually holds: a hint, never a fact.
enum class AccountKind : std::uint8_t { unknown, work, personal, both };

std::string_view to_string(Meaning meaning);
std::string_view to_string(TenantOwner owner);
std::string_view to_string(AccountKind kind);
std::string_view to_string(RuleConfidence confidence);

// HostMatch borrows from the pack and from the host it was asked about.
struct HostMatch {
  // Of the most specific rule: exact, then more fixed labels, then a tenant or glob before a
  // suffix, then longer; a deny first among equals, and a tool before every other meaning.
  Meaning meaning = Meaning::unknown;
  std::uint32_t also = 0;  // bit per Meaning of every rule that matches, the best one included
  ToolIndex tool = 0;      // for tool and family
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  RuleConfidence confidence = RuleConfidence::low;
  RuleWeight weight = RuleWeight::normal;
  std::uint16_t shared_with = 0;  // bit per Role that lives on the same host too
  TenantOwner owner = TenantOwner::unknown;
  AccountKind account = AccountKind::unknown;  // of the identity provider, when idp is in `also`
  std::string_view tenant;  // part of the host that was asked about; empty when none
  // The label of the host that gave the role, when the rule leaves it to the common meanings of
  // labels and one of them is in the host; else empty.
  std::string_view label;
  std::string_view name;   // provider's name, when idp or a blind spot is in `also`
  std::uint32_t rule = 0;  // number of the rule within the pack, for explanations and sequences
  // The rule that says what the contact means, which is another one where a company's overlay says
  // whose the host is and a more specific rule of the catalogue knows its role.
  std::uint32_t role_rule = 0;

  bool shares(Role other) const {
    return (shared_with & (1U << static_cast<unsigned>(other))) != 0;
  }
  bool is(Meaning other) const { return (also & (1U << static_cast<unsigned>(other))) != 0; }
};

// ToolView borrows from the pack.
struct ToolView {
  std::string_view id;
  std::string_view name;
  std::string_view vendor;
  std::string_view homepage;
  std::string_view category;
  std::vector<std::string_view> also;  // further categories
  std::vector<std::string_view> jobs;
  std::vector<std::string_view> data;      // what people usually put into it: "source-code"
  std::vector<std::string_view> exposure;  // ways out: "public-links"
  std::vector<std::string_view> signin;    // ways to sign in: "password", "google"
  std::string_view sso;                    // SAML: "yes", "paid_tier", "no"; empty when not stated
  std::string_view tenancy;                // "none", "path", "host"; empty when not stated
  std::string_view status;                 // "active", "renamed:<id>", "ended:<date>"
  std::optional<ToolIndex> family;         // the family it belongs to
  bool is_family = false;                  // a family's own record: never a use in itself
  bool free_tier = false;                  // stated in the catalogue
  bool self_signup = false;
};

// CategoryView and JobView borrow from the pack: the vocabulary with its labels.
struct CategoryView {
  std::string_view id;
  std::string_view label;
  bool martech = false;
};
struct JobView {
  std::string_view id;
  std::string_view label;
  std::string_view category;
};

// SequenceStep is one step of a sequence; any other traffic may lie between two steps.
struct SequenceStep {
  Role role = Role::unknown;  // a host of this role of the tool (or its family) ...
  std::optional<std::uint32_t>
      rule;               // ... or, when set, a host that this rule names (HostMatch::rule)
  std::string_view host;  // that rule's pattern, for explanations
  std::uint16_t min_flows = 1;
  bool optional = false;
};

// Sequence is an ordered set of contacts that together mean more than each alone.
struct Sequence {
  std::string_view id;
  ToolIndex tool = 0;
  Stage then = Stage::signup_likely;
  std::uint32_t within_s = 1800;
  bool first_ever_user = true;  // no earlier app or login contact of this user with the tool
  std::vector<SequenceStep> steps;
};

// Why a pack was refused.
enum class PackFault : std::uint8_t {
  unreadable,     // file cannot be read
  too_large,      // over kMaxPackBytes
  not_a_pack,     // wrong magic
  truncated,      // shorter than it says
  damaged,        // a hash or an inner offset is wrong
  bad_signature,  // not signed by a trusted key
  older_version,  // version below the highest one seen (rollback)
  expired,        // past its expiry, and meant as an update (freeze)
  newer_format,   // needs a newer program
  wrong_kind,     // an overlay given as catalogue, or the other way round
};

// PackError says which fault, with one sentence for a person.
struct PackError {
  PackFault fault = PackFault::unreadable;
  std::string text;
};

std::string_view to_string(PackFault fault);

// kMaxPackBytes is checked before a pack is read: the whole catalogue compiles to about 1 MiB.
constexpr std::size_t kMaxPackBytes = std::size_t{16} << 20;

// SignerKey is the public half of an Ed25519 key that signs packs or root records, 32 bytes.
using SignerKey = std::vector<std::uint8_t>;

// TrustedKeys say who may sign packs. Read from a trust file (core/catalog/trust.h), which also
// names the root keys that may replace them; `keys` alone is enough where keys never rotate.
struct TrustedKeys {
  std::vector<SignerKey> keys;  // may sign packs
  std::uint32_t threshold = 1;  // so many of them must have signed
  // The root that names them. Version 0: none, so these keys cannot be replaced.
  std::uint32_t root_version = 0;
  std::vector<SignerKey> root_keys;
  std::uint32_t root_threshold = 1;
  std::optional<WallTime> root_expires;
  std::string root_text;  // the signed record, to be stored when a pack has brought a newer one
};

// PackLimits is what the holder already knows about packs, against rollback and freeze.
struct PackLimits {
  std::uint32_t min_version = 0;  // highest version seen; an older one is refused
  std::optional<WallTime> now;    // set: an expired pack is refused
};

// RulePack is immutable and is always handed on as a whole: shared ownership lets readers finish
// with the old one while a new one takes its place (atomic swap on reload). Every method is safe
// from every thread, match() allocates nothing.
class RulePack {
 public:
  // open reads (or maps) and verifies a signed pack file.
  static Result<std::shared_ptr<const RulePack>, PackError> open(const std::string& path,
                                                                 const TrustedKeys& trusted,
                                                                 const PackLimits& limits = {});
  // from_bytes does the same for bytes in memory (copied).
  static Result<std::shared_ptr<const RulePack>, PackError> from_bytes(
      Bytes bytes, const TrustedKeys& trusted, const PackLimits& limits = {});

  virtual ~RulePack() = default;
  RulePack(const RulePack&) = delete;
  RulePack& operator=(const RulePack&) = delete;

  // match says what a contact with `host` means. `host` is lower-case without port and trailing
  // dot (DomainName or Sighting text); anything else is unknown. Cost: one walk over its labels.
  virtual HostMatch match(std::string_view host) const noexcept = 0;

  virtual std::uint32_t version() const noexcept = 0;
  virtual WallTime created() const noexcept = 0;
  virtual WallTime expires() const noexcept = 0;
  virtual std::size_t tool_count() const noexcept = 0;  // families included
  virtual ToolView tool(ToolIndex index) const = 0;     // index < tool_count()
  virtual std::optional<ToolIndex> find_tool(std::string_view id) const noexcept = 0;
  virtual const std::vector<Sequence>& sequences() const noexcept = 0;
  virtual std::vector<CategoryView> categories() const = 0;
  virtual std::vector<JobView> jobs() const = 0;
  // weight reads a number of the judging model by name ("first_ever_user"); nullopt: not in pack.
  virtual std::optional<double> weight(std::string_view name) const noexcept = 0;
  // rule_text is the pattern of a rule as written in rules/, for explanations.
  virtual std::string_view rule_text(std::uint32_t rule) const noexcept = 0;
  virtual std::uint32_t rule_count() const noexcept = 0;
  // rule_says is what one rule alone says, whatever others say of the same hosts: meaning, tool,
  // role, audience, confidence. Unknown for a number that no rule has.
  virtual HostMatch rule_says(std::uint32_t rule) const noexcept = 0;

  // registrable_domain is the part of `host` that somebody registered ("shop.example.co.uk" gives
  // "example.co.uk"), by the public suffix list in the pack; empty when there is none. Borrows
  // from `host`. For grouping hosts that the catalogue does not know, never for attribution.
  virtual std::string_view registrable_domain(std::string_view host) const noexcept = 0;
  // resolver_at names the provider of encrypted DNS behind an address; empty when not known.
  virtual std::string_view resolver_at(const IpAddress& address) const noexcept = 0;
  // sanctioned: the company's overlay lists the tool as approved. Always false without overlay.
  virtual bool sanctioned(ToolIndex index) const noexcept = 0;
  // owner_of tells whose tenant `tenant` of a tool is, by the company's overlay.
  virtual TenantOwner owner_of(ToolIndex tool, std::string_view tenant) const noexcept = 0;
  // trusted is what to trust from now on: the keys given to open(), or a newer root from the pack.
  virtual const TrustedKeys& trusted() const noexcept = 0;

 protected:
  RulePack() = default;
};

}  // namespace gnomon
