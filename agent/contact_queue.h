// ContactQueue: the only thread boundary in the agent, from the capture thread to the I/O thread.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/contact.h"

namespace gnomon {

// Parcel is what crosses at once: the contacts of one batch, and the evidence room's memory and the
// ledger of unknown domains as they were when the contacts had left. Each may be empty.
struct Parcel {
  std::uint64_t part = 0;  // position within a replay, from 1; 0 live
  std::vector<Contact> contacts;
  std::vector<std::uint8_t> memory;
  std::vector<std::uint8_t> ledger;  // empty also when it has not changed since it last crossed
  // Set: what the agent has seen is reported as of then, also where there is no contact to report.
  std::optional<WallTime> seen_until;
  std::uint64_t lost = 0;  // contacts given up before this parcel, for want of room
  WallTime lost_from{};
  WallTime lost_to{};
};

// ContactQueue holds at most `limit` parcels. One thread puts, one takes; both may close it.
class ContactQueue {
 public:
  explicit ContactQueue(std::size_t limit) : limit_(limit) {}

  // try_put is for the live agent, which must never wait for a disk. False when full or closed:
  // the parcel stays with the caller.
  bool try_put(Parcel& parcel) {
    const std::lock_guard lock{mutex_};
    if (closed_ || parcels_.size() >= limit_) {
      return false;
    }
    parcels_.push_back(std::move(parcel));
    return true;
  }

  // put is for a replay, which is as fast as its disk: it waits for room until `given_up` says
  // otherwise. False then, and once closed.
  bool put(Parcel parcel, const std::function<bool()>& given_up) {
    std::unique_lock lock{mutex_};
    while (!closed_ && parcels_.size() >= limit_) {
      room_.wait_for(lock, std::chrono::milliseconds{100});
      if (given_up()) {
        return false;
      }
    }
    if (closed_) {
      return false;
    }
    parcels_.push_back(std::move(parcel));
    return true;
  }

  // take never waits.
  std::optional<Parcel> take() {
    const std::lock_guard lock{mutex_};
    if (parcels_.empty()) {
      return std::nullopt;
    }
    std::optional<Parcel> parcel{std::move(parcels_.front())};
    parcels_.pop_front();
    room_.notify_one();
    return parcel;
  }

  // close refuses further parcels; those inside may still be taken.
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    room_.notify_all();
  }

 private:
  const std::size_t limit_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable room_;
  std::deque<Parcel> parcels_;
  bool closed_ = false;
};

}  // namespace gnomon
