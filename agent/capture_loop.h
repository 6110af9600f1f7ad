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

// PackSlot hands a new rule pack from the I/O thread to the capture thread. Safe from both.
class PackSlot {
 public:
  void put(std::shared_ptr<const RulePack> pack) {
    const std::lock_guard lock{mutex_};
    pack_ = std::move(pack);
    fresh_.store(true, std::memory_order_release);
  }

  // take yields the newest pack once. Costs one atomic load when there is none.
  std::shared_ptr<const RulePack> take() {
    if (!fresh_.load(std::memory_order_acquire)) {
      return nullptr;
    }
    const std::lock_guard lock{mutex_};
    fresh_.store(false, std::memory_order_release);
    return std::move(pack_);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const RulePack> pack_;  // guarded by mutex_; shared: packs always are
  std::atomic<bool> fresh_{false};
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
  LiveLoop(LoopParts parts, PackSlot& packs, const Clock& clock);

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
  PackSlot& packs_;
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
