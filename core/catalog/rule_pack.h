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

std::string_view to_string(Meaning meaning);
std::string_view to_string(RuleConfidence confidence);

// HostMatch borrows from the pack and from the host it was asked about.
struct HostMatch {
  Meaning meaning = Meaning::unknown;
  ToolIndex tool = 0;  // for tool and family
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  RuleConfidence confidence = RuleConfidence::low;
  RuleWeight weight = RuleWeight::normal;
  std::uint16_t shared_with = 0;  // bit per Role that lives on the same host too
  std::string_view tenant;        // part of the host that was asked about; empty when none
  std::string_view name;          // provider or other name from the pack, for idp and blind spots
  std::uint32_t rule = 0;         // number of the rule within the pack, for explanations

  bool shares(Role other) const {
    return (shared_with & (1U << static_cast<unsigned>(other))) != 0;
  }
};

// ToolView borrows from the pack.
struct ToolView {
  std::string_view id;
  std::string_view name;
  std::string_view vendor;
  std::string_view homepage;
  std::string_view category;
  std::vector<std::string_view> jobs;
  std::optional<ToolIndex> family;  // the family it belongs to
  bool is_family = false;           // a family's own record: never a use in itself
  bool free_tier = false;           // stated in the catalogue
  bool self_signup = false;
};

// SequenceStep is one step of a sequence; any other traffic may lie between two steps.
struct SequenceStep {
  Role role = Role::unknown;  // a host of this role of the tool (or its family) ...
  std::string_view host;      // ... or, when not empty, exactly this host
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
};

// PackError says which fault, with one sentence for a person.
struct PackError {
  PackFault fault = PackFault::unreadable;
  std::string text;
};

std::string_view to_string(PackFault fault);

// kMaxPackBytes is checked before a pack is read: the whole catalogue compiles to about 1 MiB.
constexpr std::size_t kMaxPackBytes = std::size_t{16} << 20;

// TrustedKeys are the Ed25519 public keys (32 bytes each) that may sign packs.
struct TrustedKeys {
  std::vector<std::vector<std::uint8_t>> keys;
};

// PackLimits is what the holder already knows about packs, against rollback and freeze.
struct PackLimits {
  std::uint32_t min_version = 0;  // highest version seen; an older one is refused
  std::optional<WallTime> now;    // set: an expired pack is refused
};

// RulePack is immutable; every method is safe from every thread, match() allocates nothing.
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
  // weight reads a number of the judging model by name ("first_ever_user"); nullopt: not in pack.
  virtual std::optional<double> weight(std::string_view name) const noexcept = 0;
  // rule_text is the pattern of a rule as written in rules/, for explanations.
  virtual std::string_view rule_text(std::uint32_t rule) const noexcept = 0;

 protected:
  RulePack() = default;
};

}  // namespace gnomon
