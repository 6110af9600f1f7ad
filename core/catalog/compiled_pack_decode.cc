// Opening a pack's body. Every number that another part of the program will use as a place is
// checked here, once.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>

#include "core/catalog/compiled_pack.h"
#include "core/catalog/words.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxSections = 64;
constexpr std::size_t kMaxSequences = 100'000;
constexpr std::size_t kMaxSteps = 16;

Failure<PackError> damaged(std::string_view part) {
  return Failure{
      PackError{PackFault::damaged, "the pack's " + std::string{part} + " do not hold together"}};
}

std::optional<std::map<Section, Bytes>> split_sections(Bytes body) {
  std::map<Section, Bytes> sections;
  ByteReader reader{body};
  const std::uint16_t count = reader.u16();
  if (count > kMaxSections) {
    return std::nullopt;
  }
  for (unsigned i = 0; i < count; ++i) {
    const auto id = static_cast<Section>(reader.u16());
    const std::size_t at = reader.u32();
    const std::size_t size = reader.u32();
    if (!reader.ok() || at > body.size() || size > body.size() - at ||
        !sections.emplace(id, body.subspan(at, size)).second) {
      return std::nullopt;
    }
  }
  return sections;
}

// list_of reads a count and guards a reserve() against counts that the bytes cannot hold.
std::uint32_t count_of(ByteReader& reader, std::size_t smallest, bool& ok) {
  const std::uint32_t count = reader.u32();
  if (!reader.ok() || count > reader.remaining() / smallest) {
    ok = false;
    return 0;
  }
  return count;
}

}  // namespace

Result<std::shared_ptr<const CompiledPack>, PackError> CompiledPack::open(
    PackBytes bytes, PackKind kind, const TrustedKeys& trusted, const PackLimits& limits) {
  auto opened = open_pack(bytes.view(), kind, trusted, limits);
  if (!opened) {
    return Failure{opened.error()};
  }
  return open_body(std::move(*opened), std::move(bytes));
}

Result<std::shared_ptr<const CompiledPack>, PackError> CompiledPack::open_body(OpenedPack opened,
                                                                               PackBytes bytes) {
  const auto sections = split_sections(opened.body);
  if (!sections) {
    return damaged("sections");
  }
  const auto section = [&](Section id) {
    const auto at = sections->find(id);
    return at == sections->end() ? Bytes{} : at->second;
  };
  // Shared ownership: see RulePack.
  std::shared_ptr<CompiledPack> pack{new CompiledPack{std::move(bytes)}};
  pack->manifest_ = opened.manifest;
  pack->trusted_ = std::move(opened.trusted);
  pack->text_ = TextStore{section(Section::text)};
  if (!pack->decode_vocabulary(section(Section::categories), section(Section::jobs),
                               section(Section::providers))) {
    return damaged("categories, jobs or providers");
  }
  if (!pack->open_tools(section(Section::tools), section(Section::lists))) {
    return damaged("tools");
  }
  if (!pack->decode_reserved(section(Section::reserved))) {
    return damaged("reserved labels");
  }
  if (!pack->decode_facts(section(Section::facts)) ||
      !pack->open_rules(section(Section::rules), section(Section::patterns))) {
    return damaged("rules");
  }
  if (!pack->decode_labels(section(Section::labels))) {
    return damaged("labels");
  }
  if (!pack->index_.open(section(Section::nodes), section(Section::entries),
                         section(Section::slots), pack->text_, pack->rules_.size())) {
    return damaged("index parts");
  }
  if (!pack->decode_sequences(section(Section::sequences))) {
    return damaged("sequences");
  }
  if (!pack->decode_numbers(section(Section::weights), section(Section::resolvers))) {
    return damaged("weights or resolvers");
  }
  if (!pack->suffixes_.open(section(Section::suffixes), section(Section::suffix_slots),
                            pack->text_)) {
    return damaged("public suffixes");
  }
  if (!pack->decode_overlay(section(Section::tenants), section(Section::sanctioned))) {
    return damaged("tenants or sanctioned tools");
  }
  // Checking has read all of it once; most of it is never asked for again.
  pack->bytes_.forget_pages();
  return std::shared_ptr<const CompiledPack>{std::move(pack)};
}

bool CompiledPack::decode_vocabulary(Bytes categories, Bytes jobs, Bytes providers) {
  bool ok = true;
  ByteReader category_reader{categories};
  categories_.resize(count_of(category_reader, 13, ok));
  for (Category& category : categories_) {
    category.id = text_.read(category_reader, ok);
    category.label = text_.read(category_reader, ok);
    category.martech = category_reader.u8() != 0;
  }
  ByteReader job_reader{jobs};
  jobs_.resize(count_of(job_reader, 14, ok));
  for (Job& job : jobs_) {
    job.id = text_.read(job_reader, ok);
    job.label = text_.read(job_reader, ok);
    job.category = job_reader.u16();
    ok = ok && job.category < categories_.size();
  }
  ByteReader provider_reader{providers};
  providers_.resize(count_of(provider_reader, 13, ok));
  for (Provider& provider : providers_) {
    provider.id = text_.read(provider_reader, ok);
    provider.name = text_.read(provider_reader, ok);
    const std::uint8_t account = provider_reader.u8();
    ok = ok && account <= static_cast<std::uint8_t>(AccountKind::both);
    provider.account = ok ? static_cast<AccountKind>(account) : AccountKind::unknown;
  }
  return ok && category_reader.ok() && job_reader.ok() && provider_reader.ok() &&
         providers_.size() < 0xffff;
}

bool CompiledPack::open_tools(Bytes tools, Bytes lists) {
  if (!tools_.open(tools) || !lists_.open(lists) || tools_.size() > kMaxTools) {
    return false;
  }
  std::string_view before;
  for (std::uint32_t i = 0; i < tools_.size(); ++i) {
    const Tool tool = tools_[i];
    const std::array<TextRef, 5> texts = {ref_at<0>(tool), ref_at<6>(tool), ref_at<12>(tool),
                                          ref_at<18>(tool), ref_at<24>(tool)};
    const std::string_view id = text_.get(texts[0]);
    const std::uint32_t first = be32<47>(tool);
    const std::uint32_t also = tool[45];
    const std::uint32_t all = also + tool[46];
    if (!std::all_of(texts.begin(), texts.end(), [&](TextRef ref) { return text_.holds(ref); }) ||
        (i > 0 && id <= before) || be32<30>(tool) > tools_.size() || tool[42] >= kSsoWords.size() ||
        tool[43] >= kTenancyWords.size() || first > lists_.size() || all > lists_.size() - first) {
      return false;
    }
    for (std::uint32_t n = 0; n < all; ++n) {
      if (be16<0>(lists_[first + n]) >= (n < also ? categories_.size() : jobs_.size())) {
        return false;
      }
    }
    before = id;
  }
  return true;
}

bool CompiledPack::decode_reserved(Bytes section) {
  bool ok = true;
  ByteReader reader{section};
  const std::uint32_t count = count_of(reader, 6, ok);
  for (std::uint32_t i = 0; i < count; ++i) {
    const TextRef label = text_.read(reader, ok);
    ok = ok && label.size > 0 &&
         (reserved_.empty() || text_.get(reserved_.back()) < text_.get(label));
    reserved_.push_back(label);
  }
  if (!ok || count > 10'000) {
    return false;
  }
  for (std::size_t c = 0, i = 0; c < 256; ++c) {
    while (i < reserved_.size() &&
           static_cast<unsigned char>(text_.get(reserved_[i]).front()) <= c) {
      ++i;
    }
    reserved_by_char_[c + 1] = static_cast<std::uint16_t>(i);
  }
  return true;
}

bool CompiledPack::decode_facts(Bytes section) {
  bool ok = true;
  ByteReader reader{section};
  const std::uint32_t count = count_of(reader, 11, ok);
  if (count > 0xffff) {
    return false;
  }
  facts_.resize(count);
  for (Facts& facts : facts_) {
    facts.shared_with = reader.u16();
    facts.provider = reader.u16();
    const std::uint8_t meaning = reader.u8();
    const std::uint8_t role = reader.u8();
    const std::uint8_t audience = reader.u8();
    const std::uint8_t confidence = reader.u8();
    const std::uint8_t weight = reader.u8();
    facts.by_label = reader.u8() != 0;
    facts.reserved_count = reader.u8();
    facts.reserved = static_cast<std::uint32_t>(rule_reserved_.size());
    for (unsigned n = 0; n < facts.reserved_count; ++n) {
      rule_reserved_.push_back(text_.read(reader, ok));
    }
    ok = ok && facts.provider <= providers_.size() && meaning > 0 &&
         meaning <= static_cast<std::uint8_t>(Meaning::system_noise) &&
         role <= static_cast<std::uint8_t>(Role::idp) &&
         audience <= static_cast<std::uint8_t>(Audience::visitor) && confidence >= 1 &&
         confidence <= 3 && weight <= static_cast<std::uint8_t>(RuleWeight::none);
    if (!ok) {
      return false;
    }
    facts.meaning = static_cast<Meaning>(meaning);
    facts.role = static_cast<Role>(role);
    facts.audience = static_cast<Audience>(audience);
    facts.confidence = static_cast<RuleConfidence>(confidence);
    facts.weight = static_cast<RuleWeight>(weight);
  }
  return ok && reader.ok();
}

bool CompiledPack::decode_labels(Bytes section) {
  bool ok = true;
  ByteReader reader{section};
  const std::uint32_t count = count_of(reader, 7, ok);
  return ok && labels_.decode(reader, count, text_) && reader.ok();
}

bool CompiledPack::open_rules(Bytes rules, Bytes patterns) {
  if (!rules_.open(rules) || !patterns_.open(patterns) || rules_.size() > kMaxRules ||
      patterns_.size() != rules_.size()) {
    return false;
  }
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const Rule rule = rules_[i];
    const std::uint16_t facts = be16<4>(rule);
    if (facts >= facts_.size() || !text_.holds(wild_of(rule)) ||
        !text_.holds(ref_at<0>(patterns_[i]))) {
      return false;
    }
    const Meaning meaning = facts_[facts].meaning;
    const bool of_tool = meaning == Meaning::tool || meaning == Meaning::family;
    if (of_tool && tool_of(rule) >= tools_.size()) {
      return false;
    }
  }
  return true;
}

bool CompiledPack::decode_sequences(Bytes section) {
  bool ok = true;
  ByteReader reader{section};
  const std::uint32_t count = count_of(reader, 17, ok);
  if (count > kMaxSequences) {
    return false;
  }
  sequences_.resize(count);
  for (Sequence& sequence : sequences_) {
    sequence.id = text_.get(text_.read(reader, ok));
    sequence.tool = reader.u32();
    const std::uint8_t then = reader.u8();
    sequence.within_s = reader.u32();
    sequence.first_ever_user = reader.u8() != 0;
    const std::uint8_t steps = reader.u8();
    ok = ok && sequence.tool < tools_.size() && then <= static_cast<std::uint8_t>(Stage::dormant) &&
         steps > 0 && steps <= kMaxSteps;
    if (!ok) {
      return false;
    }
    sequence.then = static_cast<Stage>(then);
    for (unsigned n = 0; n < steps; ++n) {
      SequenceStep step;
      const std::uint8_t role = reader.u8();
      const std::uint32_t rule = reader.u32();
      step.min_flows = reader.u16();
      step.optional = reader.u8() != 0;
      ok = ok && role <= static_cast<std::uint8_t>(Role::idp) && rule <= rules_.size();
      if (!ok) {
        return false;
      }
      step.role = static_cast<Role>(role);
      if (rule != 0) {
        step.rule = rule - 1;
        step.host = rule_text(rule - 1);
      }
      sequence.steps.push_back(step);
    }
  }
  return ok && reader.ok();
}

bool CompiledPack::decode_numbers(Bytes weights, Bytes resolvers) {
  bool ok = true;
  ByteReader weight_reader{weights};
  const std::uint32_t count = count_of(weight_reader, 14, ok);
  for (std::uint32_t i = 0; i < count; ++i) {
    const TextRef name = text_.read(weight_reader, ok);
    const std::uint64_t high = weight_reader.u32();
    const double value = std::bit_cast<double>((high << 32) | weight_reader.u32());
    ok = ok && std::isfinite(value) &&
         (weights_.empty() || text_.get(weights_.back().first) < text_.get(name));
    weights_.emplace_back(name, value);
  }
  ByteReader reader{resolvers};
  const std::uint32_t addresses = count_of(reader, 19, ok);
  for (std::uint32_t i = 0; i < addresses; ++i) {
    IpAddress address;
    address.is_v4 = reader.u8() != 0;
    const Bytes bytes = reader.take(address.bytes.size());
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    const std::uint16_t provider = reader.u16();
    ok = ok && provider < providers_.size() &&
         (resolvers_.empty() || resolvers_.back().first < address);
    resolvers_.emplace_back(address, provider);
  }
  return ok && weight_reader.ok() && reader.ok();
}

bool CompiledPack::decode_overlay(Bytes tenants, Bytes sanctioned) {
  bool ok = true;
  ByteReader reader{tenants};
  tenants_.resize(count_of(reader, 13, ok));
  for (Tenant& tenant : tenants_) {
    tenant.provider = reader.u8() != 0;
    tenant.id = text_.read(reader, ok);
    tenant.tenant = text_.read(reader, ok);
  }
  ByteReader tools{sanctioned};
  sanctioned_.resize(count_of(tools, 6, ok));
  for (TextRef& tool : sanctioned_) {
    tool = text_.read(tools, ok);
  }
  return ok && reader.ok() && tools.ok();
}

}  // namespace gnomon
