// SuffixList: the public suffix list of a pack (publicsuffix.org), for grouping unknown hosts.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/pack_body.h"
#include "core/catalog/text_store.h"

namespace gnomon {

// SuffixList answers by the algorithm of publicsuffix.org: the rule with most labels wins, an
// exception before all, and a host that no rule names has its last label as suffix.
class SuffixList {
 public:
  // decode reads the section; false when a reference is wrong. `text` must outlive the list.
  bool decode(Bytes section, const TextStore& text);

  // registrable_domain borrows from `host`; empty when the host is a public suffix itself, has
  // empty labels, or the list is empty. Allocates nothing.
  std::string_view registrable_domain(std::string_view host) const noexcept;

 private:
  struct Rule {
    TextRef text;
    std::uint8_t kinds = 0;
    bool is(std::uint8_t kind) const { return (kinds & kind) != 0; }
  };

  const Rule* find(std::string_view suffix, std::uint64_t hash) const noexcept;

  std::vector<Rule> rules_;
  std::vector<std::uint32_t> slots_;  // 0: empty, else rule + 1
  const TextStore* text_ = nullptr;   // set by decode
};

}  // namespace gnomon
