#include "core/catalog/host_index.h"

#include <bit>

namespace gnomon {

bool HostIndex::decode(Bytes nodes, Bytes entries, const TextStore& text, std::size_t rule_count) {
  text_ = &text;
  ByteReader entry_reader{entries};
  const std::uint32_t entry_count = entry_reader.u32();
  if (entry_reader.remaining() != std::size_t{entry_count} * 4) {
    return false;
  }
  entries_.reserve(entry_count);
  for (std::uint32_t i = 0; i < entry_count; ++i) {
    const std::uint32_t entry = entry_reader.u32();
    if ((entry & kEntryRuleMask) >= rule_count || (entry >> kEntryKindShift) > 2) {
      return false;
    }
    entries_.push_back(entry);
  }

  constexpr std::size_t kNodeBytes = 4 + 4 + 2 + 4 + 2;
  ByteReader reader{nodes};
  const std::uint32_t count = reader.u32();
  if (reader.remaining() != count * kNodeBytes) {
    return false;
  }
  nodes_.reserve(count);
  slots_.assign(std::bit_ceil(std::size_t{count} * 2 + 2), 0);
  mask_ = slots_.size() - 1;
  std::vector<std::uint64_t> hashes;
  hashes.reserve(count);
  bool ok = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    Node node;
    node.parent = reader.u32();
    const TextRef label = text.read(reader, ok);
    node.label = label.at;
    node.size = label.size;
    node.first = reader.u32();
    node.count = reader.u16();
    const bool root = node.parent == 0xffffffff;
    if (!ok || label.size == 0 || (!root && node.parent >= i) || node.count > kMaxEntriesAtNode ||
        node.first > entry_count || node.count > entry_count - node.first) {
      return false;
    }
    std::uint64_t hash = kSeed;
    if (!root) {
      hash = step(hashes[node.parent], '.');
    }
    const std::string_view name = text.get(label);
    for (std::size_t c = name.size(); c > 0; --c) {
      hash = step(hash, name[c - 1]);
    }
    hashes.push_back(hash);
    node.tag = tag_of(hash);
    nodes_.push_back(node);
    std::uint64_t slot = slot_of(hash) & mask_;
    while (slots_[slot] != 0) {
      slot = (slot + 1) & mask_;
    }
    slots_[slot] = i + 1;
  }
  return true;
}

}  // namespace gnomon
