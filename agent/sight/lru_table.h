// LruTable: a map that never grows beyond its limit; what was touched longest ago goes first.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/check.h"

namespace gnomon {

// LruTable keeps at most `limit` values, in room that is taken at the start and filled when it is
// needed. References stay good until their value is erased or evicted, that is, at most until the
// next find_or_make().
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class LruTable {
 public:
  explicit LruTable(std::size_t limit) : limit_(limit), heads_(std::bit_ceil(limit), kNone) {
    GNOMON_CHECK(limit > 0 && limit < kNone);
    nodes_.reserve(limit);
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // find gives the value and counts as a touch; null when there is none.
  Value* find(const Key& key) {
    const Index index = look_up(key);
    if (index == kNone) {
      return nullptr;
    }
    if (index != newest_) {
      unlink(index);
      link_newest(index);
    }
    return &nodes_[index].value;
  }

  // find_or_make gives the value, made empty when there was none. `evicted` tells that another
  // one had to go for it.
  Value& find_or_make(const Key& key, bool& evicted) {
    evicted = false;
    if (Value* found = find(key)) {
      return *found;
    }
    if (size_ == limit_) {
      remove(oldest_);
      evicted = true;
    }
    const Index index = take_node();
    Node& node = nodes_[index];
    node.key = key;
    Index& head = head_of(key);
    node.chain = head;
    head = index;
    link_newest(index);
    ++size_;
    return node.value;
  }

  void erase(const Key& key) {
    if (const Index index = look_up(key); index != kNone) {
      remove(index);
    }
  }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffff;

  struct Node {
    Key key{};
    Value value{};
    Index chain = kNone;  // next of the same place, or of the free ones
    Index older = kNone;
    Index newer = kNone;
  };

  Index& head_of(const Key& key) {
    // The standard's hash of a number is the number; multiplied, its high bits depend on all.
    const std::uint64_t mixed = std::uint64_t{Hash{}(key)} * 0x9e3779b97f4a7c15U;
    return heads_[(mixed >> 32U) & (heads_.size() - 1)];
  }

  Index look_up(const Key& key) {
    Index index = head_of(key);
    while (index != kNone && !(nodes_[index].key == key)) {
      index = nodes_[index].chain;
    }
    return index;
  }

  Index take_node() {
    if (free_ == kNone) {
      nodes_.emplace_back();
      return static_cast<Index>(nodes_.size() - 1);
    }
    const Index index = free_;
    free_ = nodes_[index].chain;
    return index;
  }

  void remove(Index index) {
    Node& node = nodes_[index];
    Index* link = &head_of(node.key);
    while (*link != index) {
      link = &nodes_[*link].chain;
    }
    *link = node.chain;
    unlink(index);
    node.value = Value{};  // gives back what it held
    node.chain = free_;
    free_ = index;
    --size_;
  }

  void link_newest(Index index) {
    Node& node = nodes_[index];
    node.older = newest_;
    node.newer = kNone;
    (newest_ == kNone ? oldest_ : nodes_[newest_].newer) = index;
    newest_ = index;
  }

  void unlink(Index index) {
    const Node& node = nodes_[index];
    (node.older == kNone ? oldest_ : nodes_[node.older].newer) = node.newer;
    (node.newer == kNone ? newest_ : nodes_[node.newer].older) = node.older;
  }

  std::size_t limit_;
  std::vector<Node> nodes_;
  std::vector<Index> heads_;  // by hash
  Index free_ = kNone;
  Index oldest_ = kNone;
  Index newest_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace gnomon
