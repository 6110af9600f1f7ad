// MetaStore: small facts that must survive (tokens, agents, standings), by key.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// MetaChange sets a key, or removes it when `value` is empty (nullopt).
struct MetaChange {
  std::string key;
  std::optional<std::string> value;
};

// MetaStore is one of the three storage interfaces; RocksDB implements it in collector/store, and
// a conformance test holds every implementation to these words. Safe from every thread. Calls
// block on the disk: keep them off the I/O thread.
class MetaStore {
 public:
  MetaStore() = default;
  MetaStore(const MetaStore&) = delete;
  MetaStore& operator=(const MetaStore&) = delete;
  virtual ~MetaStore() = default;

  virtual Result<std::optional<std::string>, IoError> get(std::string_view key) const = 0;

  // apply makes all changes or none, and returns once they would survive a power cut.
  virtual Result<Ok, IoError> apply(const std::vector<MetaChange>& changes) = 0;

  // compare_and_apply does the same only if `key` still holds `expected` (nullopt: is absent);
  // yields false, and changes nothing, when it does not. One-time tokens rest on it.
  virtual Result<bool, IoError> compare_and_apply(std::string_view key,
                                                  const std::optional<std::string>& expected,
                                                  const std::vector<MetaChange>& changes) = 0;

  // scan visits keys that begin with `prefix` in byte order until `visit` returns false.
  virtual Result<Ok, IoError> scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

}  // namespace gnomon
