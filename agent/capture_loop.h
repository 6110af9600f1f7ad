// CaptureLoop: the capture thread's work, live or from files, up to the queue.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/batch_cutter.h"
#include "agent/capture/packet_source.h"
#include "agent/capture_side.h"
#include "agent/contact_queue.h"
#include "core/clock.h"
#include "core/counters.h"

namespace gnomon {

// Slot hands the newest of something from the I/O thread to the capture thread. Safe from both.
template <typename T>
class Slot {
 public:
  void put(T value) {
    const std::lock_guard lock{mutex_};
    value_ = std::move(value);
    fresh_.store(true, std::memory_order_release);
  }

  // take yields the newest value once. Costs one atomic load when there is none.
  std::optional<T> take() {
    if (!fresh_.load(std::memory_order_acquire)) {
      return std::nullopt;
    }
    const std::lock_guard lock{mutex_};
    fresh_.store(false, std::memory_order_release);
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  T value_;  // guarded by mutex_
  std::atomic<bool> fresh_{false};
};

// What the I/O thread sends to the capture thread while it runs.
struct LoopSlots {
  Slot<std::shared_ptr<const RulePack>> packs;  // shared: packs always are
  Slot<InForce> in_force;
};

// What a loop feeds, and whom it tells.
struct LoopParts {
  CaptureSide& side;
  BatchCutter& cutter;
  ContactQueue& queue;
  Counters& counters;
  std::function<void()> wake;      // parcels wait
  std::function<bool()> stopping;  // the operator asks to end
};

// LiveLoop watches a live source until it is asked to stop. Memory goes with every parcel.
class LiveLoop {
 public:
  LiveLoop(LoopParts parts, LoopSlots& slots, const Clock& clock);

  // run yields the source's error, should it end by itself.
  Result<Ok, CaptureError> run(PacketSource& source);

 private:
  // How often the loop looks up from an idle source, and how often memory is saved when no contact
  // took it along.
  static constexpr std::chrono::milliseconds kPatience{250};
  static constexpr std::chrono::minutes kMemoryEvery{5};

  void hand_over(WallTime now);
  void hand_over_all();
  bool put(Parcel& parcel);

  LoopParts parts_;
  LoopSlots& slots_;
  const Clock& clock_;
  Counter& packets_;
  MonotonicTime memory_saved_{};
  WallTime newest_{};
};

// ReplayLoop plays captures as if they were seen now, as fast as the disk takes the contacts. The
// parcels it makes depend on the packets alone.
class ReplayLoop {
 public:
  // Parts up to `skip` are left out: they are in the spool already. `shift` is added to the time
  // of every packet.
  ReplayLoop(LoopParts parts, std::uint64_t skip, std::chrono::nanoseconds shift);

  // play sends one capture through. A damaged one gives what it held, then its error. False in the
  // result: it was stopped half-way.
  Result<bool, CaptureError> play(PacketSource& source);

  // finish closes all windows and hands over what is left. False when it was stopped.
  bool finish();

  std::uint64_t parts_made() const { return part_; }
  std::uint64_t parts_put() const { return put_; }

 private:
  static constexpr std::uint32_t kAskEvery = 1024;

  bool hand_over(std::optional<Parcel> parcel);

  LoopParts parts_;
  std::uint64_t skip_;
  std::chrono::nanoseconds shift_;
  Counter& packets_;
  std::uint64_t part_ = 0;
  std::uint64_t put_ = 0;
  std::uint32_t since_asked_ = 0;       // packets since stopping() was asked
  std::optional<WallTime> seen_until_;  // time of the newest packet
};

}  // namespace gnomon
