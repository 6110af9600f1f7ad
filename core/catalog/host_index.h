// HostIndex: from a host to the rules whose fixed labels it ends with. Part of CompiledPack.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/pack_body.h"
#include "core/catalog/text_store.h"

namespace gnomon {

// HostIndex is a tree of labels from the right, laid out as one hash table: a node is found by the
// hash of all its labels, which grows while the host is read once from its end. Every node's
// parent is in the table too, so the walk ends at the first label that no rule has.
class HostIndex {
 public:
  // decode reads the two sections and checks every reference; false when one is wrong. `text` must
  // outlive the index.
  bool decode(Bytes nodes, Bytes entries, const TextStore& text, std::size_t rule_count);

  // visit calls f(entry, left) for every entry of every node on the host's way, where `left` is
  // what stands in front of the node's labels, without the dot. Allocates nothing.
  template <typename F>
  void visit(std::string_view host, F&& f) const noexcept {
    constexpr std::uint32_t kNone = 0xffffffff;
    std::uint32_t parent = kNone;
    std::uint64_t hash = kSeed;
    std::size_t label_end = host.size();
    bool top = true;  // the last label alone is never a node
    for (std::size_t i = host.size(); i > 0; --i) {
      hash = step(hash, host[i - 1]);
      const bool boundary = i == 1 || host[i - 2] == '.';
      if (!boundary) {
        continue;
      }
      if (top) {
        top = false;
      } else {
        parent = find(hash, parent, host.substr(i - 1, label_end - (i - 1)));
        if (parent == kNone) {
          return;
        }
        const Node& node = nodes_[parent];
        const std::string_view left = i == 1 ? std::string_view{} : host.substr(0, i - 2);
        for (std::uint32_t e = node.first; e < node.first + node.count; ++e) {
          f(entries_[e], left);
        }
        label_end = i == 1 ? 0 : i - 2;
      }
    }
  }

 private:
  struct Node {
    std::uint32_t parent = 0;  // 0xffffffff: none
    std::uint32_t label = 0;   // place in the text: the labels that the parent lacks
    std::uint32_t first = 0;
    std::uint32_t tag = 0;  // upper half of the hash
    std::uint16_t count = 0;
    std::uint16_t size = 0;
  };

  // FNV-1a, fed from the host's end.
  static constexpr std::uint64_t kSeed = 0xcbf29ce484222325;
  static std::uint64_t step(std::uint64_t hash, char c) noexcept {
    return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  static std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
  static std::uint64_t slot_of(std::uint64_t hash) noexcept { return hash ^ (hash >> 29); }

  std::uint32_t find(std::uint64_t hash, std::uint32_t parent,
                     std::string_view label) const noexcept {
    if (slots_.empty()) {
      return 0xffffffff;
    }
    // At most half of the slots are taken, so an empty one ends every search.
    for (std::uint64_t slot = slot_of(hash) & mask_;; slot = (slot + 1) & mask_) {
      const std::uint32_t index = slots_[slot];
      if (index == 0) {
        return 0xffffffff;
      }
      const Node& node = nodes_[index - 1];
      if (node.tag == tag_of(hash) && node.parent == parent &&
          text_->get({node.label, node.size}) == label) {
        return index - 1;
      }
    }
  }

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> entries_;
  std::vector<std::uint32_t> slots_;  // 0: empty, else node + 1
  std::uint64_t mask_ = 0;
  const TextStore* text_ = nullptr;  // set by decode
};

}  // namespace gnomon
