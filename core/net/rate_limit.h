// RateLimit: so many per second and key, with a burst.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/clock.h"

namespace gnomon {

// RateLimit keeps a token bucket for each key. The number of keys is bounded: when there are too
// many, those whose bucket is full again are forgotten, and if all are in use new keys share one
// bucket, so that a flood of keys limits itself. One thread.
class RateLimit {
 public:
  RateLimit(double per_second, double burst, std::size_t max_keys = 65536)
      : per_second_(per_second), burst_(burst), max_keys_(max_keys) {}

  // take spends one token of `key`; false when there is none.
  bool take(const std::string& key, MonotonicTime now) {
    Bucket& bucket = bucket_for(key, now);
    refill(bucket, now);
    if (bucket.tokens < 1.0) {
      return false;
    }
    bucket.tokens -= 1.0;
    return true;
  }

  // spend spends tokens of `key` that may not be there yet, and yields how long its owner has to be
  // quiet until they are.
  std::chrono::milliseconds spend(const std::string& key, MonotonicTime now, double tokens = 1.0) {
    Bucket& bucket = bucket_for(key, now);
    refill(bucket, now);
    bucket.tokens -= tokens;
    return time_until(bucket, 0.0);
  }

  // wait_for is how long until take() will succeed for `key`.
  std::chrono::milliseconds wait_for(const std::string& key, MonotonicTime now) {
    Bucket& bucket = bucket_for(key, now);
    refill(bucket, now);
    return time_until(bucket, 1.0);
  }

 private:
  struct Bucket {
    double tokens = 0;
    MonotonicTime filled;
  };

  std::chrono::milliseconds time_until(const Bucket& bucket, double tokens) const {
    if (bucket.tokens >= tokens) {
      return std::chrono::milliseconds{0};
    }
    const double seconds = std::min((tokens - bucket.tokens) / per_second_, kLongestWaitSeconds);
    return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000.0) + 1};
  }

  void refill(Bucket& bucket, MonotonicTime now) const {
    const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
    bucket.tokens = std::min(burst_, bucket.tokens + std::max(0.0, seconds) * per_second_);
    bucket.filled = now;
  }

  Bucket& bucket_for(const std::string& key, MonotonicTime now) {
    if (const auto found = buckets_.find(key); found != buckets_.end()) {
      return found->second;
    }
    if (buckets_.size() >= max_keys_) {
      std::erase_if(buckets_, [&](const auto& entry) {
        Bucket bucket = entry.second;
        refill(bucket, now);
        return bucket.tokens >= burst_;
      });
    }
    const std::string& kept = buckets_.size() >= max_keys_ ? overflow_ : key;
    return buckets_.try_emplace(kept, Bucket{burst_, now}).first->second;
  }

  // A rate near zero must not make a time that cannot be counted in.
  static constexpr double kLongestWaitSeconds = 365.0 * 86400;

  double per_second_;
  double burst_;
  std::size_t max_keys_;
  std::string overflow_ = "*";
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace gnomon
