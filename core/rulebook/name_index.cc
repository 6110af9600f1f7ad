#include "core/rulebook/name_index.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/catalog/pack_body.h"
#include "core/check.h"

namespace gnomon {
namespace {

struct Node {
  std::string label;   // what the parent lacks; the last two labels when there is none
  std::string parent;  // key, empty: none
  std::vector<std::uint32_t> entries;
};

// reversed gives "com.slack.app" for "app.slack.com": a key that sorts parents before children
// and keeps one domain's nodes together.
std::string reversed(std::string_view name) {
  std::string result;
  while (!name.empty()) {
    const std::size_t dot = name.rfind('.');
    const std::size_t begin = dot == std::string_view::npos ? 0 : dot + 1;
    result += result.empty() ? "" : ".";
    result += name.substr(begin);
    name = name.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  return result;
}

// nodes_of gives the tree by the keys of its nodes.
std::map<std::string, Node> nodes_of(const std::vector<const HostPattern*>& patterns) {
  std::map<std::string, Node> nodes;
  for (std::uint32_t place = 0; place < patterns.size(); ++place) {
    const HostPattern& pattern = *patterns[place];
    // One node for the last two labels of the fixed part, and one for each label before them.
    const std::string_view fixed = pattern.fixed;
    std::size_t begin = fixed.rfind('.', fixed.rfind('.') - 1);
    begin = begin == std::string_view::npos ? 0 : begin + 1;
    std::size_t label_end = fixed.size();
    std::string parent;
    for (;;) {
      const std::string key = reversed(fixed.substr(begin));
      Node& node = nodes[key];
      if (node.label.empty()) {
        node.label = fixed.substr(begin, label_end - begin);
        node.parent = parent;
      }
      if (begin == 0) {
        node.entries.push_back(place |
                               (static_cast<std::uint32_t>(pattern.kind) << kEntryKindShift));
        break;
      }
      parent = key;
      label_end = begin - 1;
      const std::size_t dot = begin < 2 ? std::string_view::npos : fixed.rfind('.', begin - 2);
      begin = dot == std::string_view::npos ? 0 : dot + 1;
    }
  }
  return nodes;
}

}  // namespace

void write_index(const std::vector<const HostPattern*>& patterns, const IndexOut& out) {
  const std::map<std::string, Node> nodes = nodes_of(patterns);
  out.nodes.u32(static_cast<std::uint32_t>(nodes.size()));
  out.entries.u32(static_cast<std::uint32_t>(patterns.size()));
  std::unordered_map<std::string_view, std::uint32_t> places;
  std::vector<NameHash> hashes;
  std::uint32_t first = 0;
  for (const auto& [key, node] : nodes) {
    NameHash hash;
    std::uint32_t parent = HashSlots::kNone;
    if (!node.parent.empty()) {
      parent = places.at(node.parent);
      hash = hashes[parent];
      hash.add('.');
    }
    hash.add(node.label);
    hashes.push_back(hash);
    GNOMON_CHECK(node.entries.size() <= kMaxEntriesAtNode);
    out.nodes.u32(parent);
    out.nodes.u32(out.text.add(node.label));
    out.nodes.u32(first);
    out.nodes.u16(static_cast<std::uint16_t>(node.label.size()));
    out.nodes.u16(static_cast<std::uint16_t>(node.entries.size()));
    for (const std::uint32_t entry : node.entries) {
      out.entries.u32(entry);
    }
    first += static_cast<std::uint32_t>(node.entries.size());
    places.emplace(key, static_cast<std::uint32_t>(places.size()));
  }
  write_slots(hashes, out.slots);
}

void write_slots(const std::vector<NameHash>& hashes, ByteWriter& out) {
  const auto count = static_cast<std::uint32_t>(hashes.size());
  GNOMON_CHECK(count <= kMaxHashed);
  std::vector<std::uint32_t> slots(HashSlots::slot_count(count), 0);
  const std::size_t mask = slots.size() - 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::size_t at = hashes[i].slot() & mask;
    while (slots[at] != 0) {
      at = (at + 1) & mask;
    }
    slots[at] = HashSlots::value(hashes[i], i);
  }
  out.u32(static_cast<std::uint32_t>(slots.size()));
  for (const std::uint32_t slot : slots) {
    out.u32(slot);
  }
}

}  // namespace gnomon
