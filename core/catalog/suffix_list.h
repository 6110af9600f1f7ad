// SuffixList: the public suffix list of a pack (publicsuffix.org), for grouping unknown hosts.

#pragma once

#include <cstdint>
#include <string_view>

#include "core/byte_reader.h"
#include "core/catalog/name_hash.h"
#include "core/catalog/pack_body.h"
#include "core/catalog/records.h"
#include "core/catalog/text_store.h"

namespace gnomon {

// SuffixList answers by the algorithm of publicsuffix.org: the rule with most labels wins, an
// exception before all, and a host that no rule names has its last label as suffix. It reads the
// list where it lies; that and `text` must outlive it.
class SuffixList {
 public:
  // open checks every reference of the two sections; false when one is wrong.
  bool open(Bytes suffixes, Bytes slots, const TextStore& text);

  // registrable_domain borrows from `host`; empty when the host is a public suffix itself, has
  // empty labels, or the list is empty. Allocates nothing.
  std::string_view registrable_domain(std::string_view host) const noexcept;

 private:
  // kinds_of yields the kSuffix bits of a suffix with this hash; 0 when no rule names it.
  std::uint8_t kinds_of(std::string_view suffix, const NameHash& hash) const noexcept;

  Records<kSuffixBytes> rules_;
  HashSlots slots_;
  const TextStore* text_ = nullptr;  // set by open
};

}  // namespace gnomon
