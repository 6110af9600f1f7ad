// HostIndex: from a host to the rules whose fixed labels it ends with. Part of CompiledPack.

#pragma once

#include <cstdint>
#include <string_view>

#include "core/byte_reader.h"
#include "core/catalog/name_hash.h"
#include "core/catalog/pack_body.h"
#include "core/catalog/records.h"
#include "core/catalog/text_store.h"

namespace gnomon {

// HostIndex is a tree of labels from the right, laid out as one hash table: a node is found by the
// hash of all its labels, which grows while the host is read once from its end. Every node's
// parent is in the table too, so the walk ends at the first label that no rule has.
//
// It reads the tables where they lie; they and `text` must outlive it.
class HostIndex {
 public:
  // open checks every reference of the three sections; false when one is wrong.
  bool open(Bytes nodes, Bytes entries, Bytes slots, const TextStore& text,
            std::uint32_t rule_count);

  // visit calls f(entry, left) for every entry of every node on the host's way, where `left` is
  // what stands in front of the node's labels, without the dot. Allocates nothing.
  template <typename F>
  void visit(std::string_view host, F&& f) const noexcept {
    std::uint32_t parent = kNone;
    NameHash hash;
    std::size_t label_end = host.size();
    bool top = true;  // the last label alone is never a node
    for (std::size_t i = host.size(); i > 0; --i) {
      hash.add(host[i - 1]);
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
        const Node node = nodes_[parent];
        const std::string_view left = i == 1 ? std::string_view{} : host.substr(0, i - 2);
        const std::uint32_t first = first_of(node);
        for (std::uint32_t e = first; e < first + count_of(node); ++e) {
          f(be32<0>(entries_[e]), left);
        }
        label_end = i == 1 ? 0 : i - 2;
      }
    }
  }

 private:
  static constexpr std::uint32_t kNone = HashSlots::kNone;
  using Node = FixedBytes<kNodeBytes>;

  static std::uint32_t parent_of(Node node) noexcept { return be32<0>(node); }
  static TextRef label_of(Node node) noexcept { return {be32<4>(node), be16<12>(node)}; }
  static std::uint32_t first_of(Node node) noexcept { return be32<8>(node); }
  static std::uint32_t count_of(Node node) noexcept { return be16<14>(node); }

  std::uint32_t find(const NameHash& hash, std::uint32_t parent,
                     std::string_view label) const noexcept {
    return slots_.find(hash, [&](std::uint32_t index) noexcept {
      const Node node = nodes_[index];
      return parent_of(node) == parent && text_->get(label_of(node)) == label;
    });
  }

  Records<kNodeBytes> nodes_;
  Records<4> entries_;
  HashSlots slots_;
  const TextStore* text_ = nullptr;  // set by open
};

}  // namespace gnomon
