// LruTable: a map that never grows beyond its limit; what was touched longest ago goes first.

#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <unordered_map>
#include <utility>

#include "core/check.h"

namespace gnomon {

// LruTable keeps at most `limit` values. References stay good until their value is erased or
// evicted, that is, at most until the next find_or_make().
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class LruTable {
 public:
  explicit LruTable(std::size_t limit) : limit_(limit) { GNOMON_CHECK(limit > 0); }

  std::size_t size() const { return index_.size(); }
  bool empty() const { return index_.empty(); }

  // find gives the value and counts as a touch; null when there is none.
  Value* find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) {
      return nullptr;
    }
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->second;
  }

  // find_or_make gives the value, made empty when there was none. `evicted` tells that another
  // one had to go for it.
  Value& find_or_make(const Key& key, bool& evicted) {
    evicted = false;
    if (Value* found = find(key)) {
      return *found;
    }
    if (index_.size() >= limit_) {
      index_.erase(order_.back().first);
      order_.pop_back();
      evicted = true;
    }
    order_.emplace_front(key, Value{});
    index_.emplace(key, order_.begin());
    return order_.front().second;
  }

  void erase(const Key& key) {
    const auto found = index_.find(key);
    if (found != index_.end()) {
      order_.erase(found->second);
      index_.erase(found);
    }
  }

 private:
  using Order = std::list<std::pair<Key, Value>>;

  std::size_t limit_;
  Order order_;  // last touched first
  std::unordered_map<Key, typename Order::iterator, Hash> index_;
};

}  // namespace gnomon
