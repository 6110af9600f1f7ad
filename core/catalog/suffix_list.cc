#include "core/catalog/suffix_list.h"

namespace gnomon {
namespace {

TextRef ref_of(FixedBytes<kSuffixBytes> rule) noexcept {
  return {be32<0>(rule), be16<4>(rule)};
}

}  // namespace

bool SuffixList::open(Bytes suffixes, Bytes slots, const TextStore& text) {
  text_ = &text;
  if (!rules_.open(suffixes) || rules_.size() > kMaxHashed || !slots_.open(slots, rules_.size())) {
    return false;
  }
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const TextRef ref = ref_of(rules_[i]);
    if (ref.size == 0 || !text.holds(ref)) {
      return false;
    }
  }
  return true;
}

std::uint8_t SuffixList::kinds_of(std::string_view suffix, const NameHash& hash) const noexcept {
  const std::uint32_t found = slots_.find(hash, [&](std::uint32_t index) noexcept {
    return text_->get(ref_of(rules_[index])) == suffix;
  });
  return found == HashSlots::kNone ? std::uint8_t{0} : rules_[found][6];
}

std::string_view SuffixList::registrable_domain(std::string_view host) const noexcept {
  if (rules_.size() == 0 || host.empty() || host.front() == '.' || host.back() == '.') {
    return {};
  }
  // Label boundaries from the right: `begin` of the current suffix, the one before it (a label
  // shorter), and the begin of the longest public suffix so far.
  NameHash hash;
  std::size_t previous = host.size();
  std::size_t public_begin = host.size();
  bool wildcard_above = false;  // the suffix a label shorter has a rule "*."
  for (std::size_t i = host.size(); i > 0; --i) {
    hash.add(host[i - 1]);
    if (i != 1 && host[i - 2] != '.') {
      continue;
    }
    const std::size_t begin = i - 1;
    if (host[begin] == '.') {
      return {};  // an empty label
    }
    const std::uint8_t kinds = kinds_of(host.substr(begin), hash);
    if ((kinds & kSuffixException) != 0) {
      public_begin = previous;
      break;
    }
    const bool first = previous == host.size();
    if (first || wildcard_above || (kinds & kSuffixPlain) != 0) {
      public_begin = begin;
    }
    wildcard_above = (kinds & kSuffixWildcard) != 0;
    previous = begin;
  }
  if (public_begin < 2) {
    return {};
  }
  const std::size_t dot = host.rfind('.', public_begin - 2);
  return host.substr(dot == std::string_view::npos ? 0 : dot + 1);
}

}  // namespace gnomon
