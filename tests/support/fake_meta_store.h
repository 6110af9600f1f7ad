// FakeMetaStore: the MetaStore in memory.

#pragma once

#include <cerrno>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/meta_store.h"

namespace gnomon::testing {

// FakeMetaStore keeps the words of MetaStore but for the power cut. Safe from every thread.
class FakeMetaStore final : public MetaStore {
 public:
  Result<std::optional<std::string>, IoError> get(std::string_view key) const override {
    const std::lock_guard lock(mutex_);
    if (broken_) {
      return broken();
    }
    return find(key);
  }

  Result<Ok, IoError> apply(const std::vector<MetaChange>& changes) override {
    const std::lock_guard lock(mutex_);
    if (broken_) {
      return broken();
    }
    change(changes);
    return Ok{};
  }

  Result<bool, IoError> compare_and_apply(std::string_view key,
                                          const std::optional<std::string>& expected,
                                          const std::vector<MetaChange>& changes) override {
    const std::lock_guard lock(mutex_);
    if (broken_) {
      return broken();
    }
    if (find(key) != expected) {
      return false;
    }
    change(changes);
    return true;
  }

  Result<Ok, IoError> scan(std::string_view prefix,
                           const std::function<bool(std::string_view key, std::string_view value)>&
                               visit) const override {
    const std::lock_guard lock(mutex_);
    for (auto it = values_.lower_bound(std::string{prefix});
         it != values_.end() && it->first.starts_with(prefix); ++it) {
      if (!visit(it->first, it->second)) {
        break;
      }
    }
    return Ok{};
  }

  // set_broken makes every call but scan fail with EIO.
  void set_broken(bool broken) {
    const std::lock_guard lock(mutex_);
    broken_ = broken;
  }

 private:
  static Failure<IoError> broken() {
    return Failure{IoError{"get", "meta", std::error_code(EIO, std::generic_category())}};
  }
  std::optional<std::string> find(std::string_view key) const {
    const auto found = values_.find(std::string{key});
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  void change(const std::vector<MetaChange>& changes) {
    for (const MetaChange& change : changes) {
      if (change.value) {
        values_[change.key] = *change.value;
      } else {
        values_.erase(change.key);
      }
    }
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::string> values_;
  bool broken_ = false;
};

}  // namespace gnomon::testing
