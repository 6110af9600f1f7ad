#include "core/catalog/suffix_list.h"

#include <bit>

namespace gnomon {
namespace {

constexpr std::uint64_t kSeed = 0xcbf29ce484222325;

// FNV-1a, fed from the host's end.
std::uint64_t step(std::uint64_t hash, char c) noexcept {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
}

}  // namespace

bool SuffixList::decode(Bytes section, const TextStore& text) {
  text_ = &text;
  ByteReader reader{section};
  const std::uint32_t count = reader.u32();
  if (reader.remaining() != std::size_t{count} * 7) {
    return false;
  }
  rules_.reserve(count);
  slots_.assign(std::bit_ceil(std::size_t{count} * 2 + 2), 0);
  bool ok = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    Rule rule;
    rule.text = text.read(reader, ok);
    rule.kinds = reader.u8();
    if (!ok || rule.text.size == 0) {
      return false;
    }
    rules_.push_back(rule);
    std::uint64_t hash = kSeed;
    const std::string_view name = text.get(rule.text);
    for (std::size_t c = name.size(); c > 0; --c) {
      hash = step(hash, name[c - 1]);
    }
    std::uint64_t slot = hash & (slots_.size() - 1);
    while (slots_[slot] != 0) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = i + 1;
  }
  return true;
}

const SuffixList::Rule* SuffixList::find(std::string_view suffix,
                                         std::uint64_t hash) const noexcept {
  // At most half of the slots are taken, so an empty one ends every search.
  for (std::uint64_t slot = hash & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot] == 0) {
      return nullptr;
    }
    const Rule& rule = rules_[slots_[slot] - 1];
    if (text_->get(rule.text) == suffix) {
      return &rule;
    }
  }
}

std::string_view SuffixList::registrable_domain(std::string_view host) const noexcept {
  if (rules_.empty() || host.empty() || host.front() == '.' || host.back() == '.') {
    return {};
  }
  // Label boundaries from the right: `begin` of the current suffix, the one before it (a label
  // shorter), and the begin of the longest public suffix so far.
  std::uint64_t hash = kSeed;
  std::size_t previous = host.size();
  std::size_t public_begin = host.size();
  bool wildcard_above = false;  // the suffix a label shorter has a rule "*."
  for (std::size_t i = host.size(); i > 0; --i) {
    hash = step(hash, host[i - 1]);
    if (i != 1 && host[i - 2] != '.') {
      continue;
    }
    const std::size_t begin = i - 1;
    if (host[begin] == '.') {
      return {};  // an empty label
    }
    const Rule* rule = find(host.substr(begin), hash);
    if (rule != nullptr && rule->is(kSuffixException)) {
      public_begin = previous;
      break;
    }
    const bool first = previous == host.size();
    if (first || wildcard_above || (rule != nullptr && rule->is(kSuffixPlain))) {
      public_begin = begin;
    }
    wildcard_above = rule != nullptr && rule->is(kSuffixWildcard);
    previous = begin;
  }
  if (public_begin < 2) {
    return {};
  }
  const std::size_t dot = host.rfind('.', public_begin - 2);
  return host.substr(dot == host.npos ? 0 : dot + 1);
}

}  // namespace gnomon
