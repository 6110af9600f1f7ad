#include "core/catalog/host_index.h"

namespace gnomon {

bool HostIndex::open(Bytes nodes, Bytes entries, Bytes slots, const TextStore& text,
                     std::uint32_t rule_count) {
  text_ = &text;
  if (!nodes_.open(nodes) || !entries_.open(entries) || nodes_.size() > kMaxHashed ||
      !slots_.open(slots, nodes_.size())) {
    return false;
  }
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    const std::uint32_t entry = be32<0>(entries_[i]);
    if ((entry & kEntryRuleMask) >= rule_count || (entry >> kEntryKindShift) > 2) {
      return false;
    }
  }
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    const Node node = nodes_[i];
    const std::uint32_t parent = parent_of(node);
    const TextRef label = label_of(node);
    const std::uint32_t first = first_of(node);
    const std::uint32_t count = count_of(node);
    if ((parent != kNone && parent >= i) || label.size == 0 || !text.holds(label) ||
        count > kMaxEntriesAtNode || first > entries_.size() || count > entries_.size() - first) {
      return false;
    }
  }
  return true;
}

}  // namespace gnomon
