#include "core/rulebook/pack_writer.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <string>
#include <tuple>

#include "core/byte_writer.h"
#include "core/catalog/name_hash.h"
#include "core/check.h"
#include "core/rulebook/name_index.h"
#include "core/rulebook/text_pool.h"

namespace gnomon {
namespace {

// order_by gives the places of 0..count-1 sorted by a key.
template <typename F>
std::vector<std::uint32_t> order_by(std::size_t count, F&& key) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  return order;
}

// inverse turns "what stands at place n" into "where does n stand".
std::vector<std::uint32_t> inverse(const std::vector<std::uint32_t>& order) {
  std::vector<std::uint32_t> places(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    places[order[i]] = i;
  }
  return places;
}

class BodyWriter {
 public:
  explicit BodyWriter(const PackContent& content) : content_(content) {}

  std::vector<std::uint8_t> write() {
    tool_order_ = order_by(content_.tools.size(), [&](std::uint32_t i) -> const std::string& {
      return content_.tools[i].id;
    });
    tool_place_ = inverse(tool_order_);
    rule_order_ = order_by(content_.rules.size(), [&](std::uint32_t i) {
      const RuleRecord& rule = content_.rules[i];
      return std::tuple{~specificity(rule.pattern, rule.meaning),
                        std::string_view{rule.pattern.text}, place_of_tool(rule), rule.role};
    });
    rule_place_ = inverse(rule_order_);
    // What matching reads comes first, so that it stands close together in the text.
    std::vector<const HostPattern*> in_order;
    for (const std::uint32_t i : rule_order_) {
      in_order.push_back(&content_.rules[i].pattern);
    }
    write_index(in_order, {section(Section::nodes), section(Section::entries),
                           section(Section::slots), text_});
    rules();
    tools();
    vocabulary();
    labels();
    patterns();
    sequences();
    numbers();
    overlay();
    return finish();
  }

 private:
  static bool of_tool(Meaning meaning) {
    return meaning == Meaning::tool || meaning == Meaning::family;
  }
  std::uint32_t place_of_tool(const RuleRecord& rule) const {
    return of_tool(rule.meaning) ? tool_place_[rule.tool] : 0;
  }

  ByteWriter& section(Section id) { return sections_[id]; }

  void vocabulary() {
    ByteWriter& categories = section(Section::categories);
    categories.u32(static_cast<std::uint32_t>(content_.categories.size()));
    for (const CategoryRecord& category : content_.categories) {
      text_.ref(categories, category.id);
      text_.ref(categories, category.label);
      categories.u8(category.martech ? 1 : 0);
    }
    ByteWriter& jobs = section(Section::jobs);
    jobs.u32(static_cast<std::uint32_t>(content_.jobs.size()));
    for (const JobRecord& job : content_.jobs) {
      text_.ref(jobs, job.id);
      text_.ref(jobs, job.label);
      jobs.u16(job.category);
    }
    ByteWriter& providers = section(Section::providers);
    providers.u32(static_cast<std::uint32_t>(content_.providers.size()));
    for (const ProviderRecord& provider : content_.providers) {
      text_.ref(providers, provider.id);
      text_.ref(providers, provider.name);
      providers.u8(static_cast<std::uint8_t>(provider.account));
    }
    std::vector<std::string> labels = content_.reserved;
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    ByteWriter& reserved = section(Section::reserved);
    reserved.u32(static_cast<std::uint32_t>(labels.size()));
    for (const std::string& label : labels) {
      text_.ref(reserved, label);
    }
  }

  void tools() {
    ByteWriter& out = section(Section::tools);
    ByteWriter lists;
    std::uint32_t listed = 0;
    out.u32(static_cast<std::uint32_t>(tool_order_.size()));
    for (const std::uint32_t i : tool_order_) {
      const ToolRecord& tool = content_.tools[i];
      text_.ref(out, tool.id);
      text_.ref(out, tool.name);
      text_.ref(out, tool.vendor);
      text_.ref(out, tool.homepage);
      text_.ref(out, tool.status);
      out.u32(tool.family ? tool_place_[*tool.family] + 1 : 0);
      out.u16(tool.category);
      out.u16(tool.data);
      out.u16(tool.exposure);
      out.u16(tool.signin);
      out.u8(tool.sso);
      out.u8(tool.tenancy);
      out.u8(tool.flags);
      GNOMON_CHECK(tool.also.size() < 256 && tool.jobs.size() < 256);
      out.u8(static_cast<std::uint8_t>(tool.also.size()));
      out.u8(static_cast<std::uint8_t>(tool.jobs.size()));
      out.u32(listed);
      for (const std::uint16_t category : tool.also) {
        lists.u16(category);
      }
      for (const std::uint16_t job : tool.jobs) {
        lists.u16(job);
      }
      listed += static_cast<std::uint32_t>(tool.also.size() + tool.jobs.size());
    }
    section(Section::lists).u32(listed);
    section(Section::lists).bytes(lists.view());
  }

  // facts_of writes what a rule says of a host, the part that many rules share.
  std::string facts_of(const RuleRecord& rule) {
    ByteWriter out;
    out.u16(rule.shared_with);
    out.u16(rule.provider ? static_cast<std::uint16_t>(*rule.provider + 1) : 0);
    out.u8(static_cast<std::uint8_t>(rule.meaning));
    out.u8(static_cast<std::uint8_t>(rule.role));
    out.u8(static_cast<std::uint8_t>(rule.audience));
    out.u8(static_cast<std::uint8_t>(rule.confidence));
    out.u8(static_cast<std::uint8_t>(rule.weight));
    out.u8(rule.by_label ? 1 : 0);
    GNOMON_CHECK(rule.reserved.size() < 256);
    out.u8(static_cast<std::uint8_t>(rule.reserved.size()));
    for (const std::string& label : rule.reserved) {
      text_.ref(out, label);
    }
    return {out.view().begin(), out.view().end()};
  }

  void rules() {
    ByteWriter& out = section(Section::rules);
    ByteWriter facts;
    std::map<std::string, std::uint16_t> known;
    out.u32(static_cast<std::uint32_t>(rule_order_.size()));
    for (const std::uint32_t i : rule_order_) {
      const RuleRecord& rule = content_.rules[i];
      const auto [entry, fresh] =
          known.emplace(facts_of(rule), static_cast<std::uint16_t>(known.size()));
      if (fresh) {
        facts.text(entry->first);
      }
      out.u32(place_of_tool(rule));
      out.u16(entry->second);
      text_.ref(out, rule.pattern.wild);
    }
    GNOMON_CHECK(known.size() < 0xffff);
    section(Section::facts).u32(static_cast<std::uint32_t>(known.size()));
    section(Section::facts).bytes(facts.view());
  }

  void labels() {
    auto meanings = content_.labels;
    std::sort(meanings.begin(), meanings.end(),
              [](const LabelRecord& a, const LabelRecord& b) { return a.label < b.label; });
    ByteWriter& out = section(Section::labels);
    out.u32(static_cast<std::uint32_t>(meanings.size()));
    for (const LabelRecord& meaning : meanings) {
      text_.ref(out, meaning.label);
      const auto role = static_cast<std::uint8_t>(meaning.role);
      out.u8(meaning.weak ? role | kLabelWeak : role);
    }
  }

  void patterns() {
    ByteWriter& out = section(Section::patterns);
    out.u32(static_cast<std::uint32_t>(rule_order_.size()));
    for (const std::uint32_t i : rule_order_) {
      const RuleRecord& rule = content_.rules[i];
      text_.ref(out, rule.pattern.text);
      out.u32(specificity(rule.pattern, rule.meaning));
    }
  }

  void sequences() {
    const auto order =
        order_by(content_.sequences.size(),
                 [&](std::uint32_t i) -> const std::string& { return content_.sequences[i].id; });
    ByteWriter& out = section(Section::sequences);
    out.u32(static_cast<std::uint32_t>(order.size()));
    for (const std::uint32_t i : order) {
      const SequenceRecord& sequence = content_.sequences[i];
      text_.ref(out, sequence.id);
      out.u32(tool_place_[sequence.tool]);
      out.u8(static_cast<std::uint8_t>(sequence.then));
      out.u32(sequence.within_s);
      out.u8(sequence.first_ever_user ? 1 : 0);
      out.u8(static_cast<std::uint8_t>(sequence.steps.size()));
      for (const SequenceRecord::Step& step : sequence.steps) {
        out.u8(static_cast<std::uint8_t>(step.role));
        out.u32(step.rule ? rule_place_[*step.rule] + 1 : 0);
        out.u16(step.min_flows);
        out.u8(step.optional ? 1 : 0);
      }
    }
  }

  void numbers() {
    auto weights = content_.weights;
    std::sort(weights.begin(), weights.end());
    ByteWriter& out = section(Section::weights);
    out.u32(static_cast<std::uint32_t>(weights.size()));
    for (const auto& [name, value] : weights) {
      text_.ref(out, name);
      out.u64(std::bit_cast<std::uint64_t>(value));
    }
    auto resolvers = content_.resolvers;
    std::sort(resolvers.begin(), resolvers.end());
    ByteWriter& addresses = section(Section::resolvers);
    addresses.u32(static_cast<std::uint32_t>(resolvers.size()));
    for (const auto& [address, provider] : resolvers) {
      addresses.u8(address.is_v4 ? 1 : 0);
      addresses.bytes(address.bytes);
      addresses.u16(provider);
    }
    ByteWriter& suffixes = section(Section::suffixes);
    suffixes.u32(static_cast<std::uint32_t>(content_.suffixes.size()));
    std::vector<NameHash> hashes;
    for (const SuffixRecord& suffix : content_.suffixes) {
      text_.ref(suffixes, suffix.text);
      suffixes.u8(suffix.kinds);
      NameHash hash;
      hash.add(suffix.text);
      hashes.push_back(hash);
    }
    write_slots(hashes, section(Section::suffix_slots));
  }

  void overlay() {
    ByteWriter& tenants = section(Section::tenants);
    tenants.u32(static_cast<std::uint32_t>(content_.tenants.size()));
    for (const OwnTenant& tenant : content_.tenants) {
      tenants.u8(tenant.provider ? 1 : 0);
      text_.ref(tenants, tenant.id);
      text_.ref(tenants, tenant.tenant);
    }
    ByteWriter& sanctioned = section(Section::sanctioned);
    sanctioned.u32(static_cast<std::uint32_t>(content_.sanctioned.size()));
    for (const std::string& tool : content_.sanctioned) {
      text_.ref(sanctioned, tool);
    }
  }

  std::vector<std::uint8_t> finish() {
    section(Section::text).text(text_.text());
    constexpr std::size_t kEntryBytes = 2 + 4 + 4;
    ByteWriter body;
    body.u16(static_cast<std::uint16_t>(sections_.size()));
    std::size_t at = 2 + sections_.size() * kEntryBytes;
    for (const auto& [id, bytes] : sections_) {
      body.u16(static_cast<std::uint16_t>(id));
      body.u32(static_cast<std::uint32_t>(at));
      body.u32(static_cast<std::uint32_t>(bytes.size()));
      at += bytes.size();
    }
    for (const auto& [id, bytes] : sections_) {
      body.bytes(bytes.view());
    }
    return body.take();
  }

  const PackContent& content_;
  std::vector<std::uint32_t> tool_order_;
  std::vector<std::uint32_t> tool_place_;
  std::vector<std::uint32_t> rule_order_;
  std::vector<std::uint32_t> rule_place_;
  TextPool text_;
  std::map<Section, ByteWriter> sections_;
};

}  // namespace

std::vector<std::uint8_t> encode_body(const PackContent& content) {
  return BodyWriter{content}.write();
}

}  // namespace gnomon
