#include "agent/capture_loop.h"

#include <algorithm>
#include <utility>

namespace gnomon {
namespace {

Counter& packets_of(Counters& counters) {
  return counters.counter("agent_packets_total", "Packets taken from the capture room.");
}

}  // namespace

LiveLoop::LiveLoop(LoopParts parts, LoopSlots& slots, const Clock& clock)
    : parts_(std::move(parts)),
      slots_(slots),
      clock_(clock),
      packets_(packets_of(parts_.counters)),
      memory_saved_(clock.monotonic()) {}

Result<Ok, CaptureError> LiveLoop::run(PacketSource& source) {
  Packet packet;
  while (!parts_.stopping()) {
    const auto pulled = source.next(packet, kPatience);
    if (!pulled) {
      hand_over_all();
      return Failure{pulled.error()};
    }
    if (auto pack = slots_.packs.take()) {
      parts_.side.set_pack(*std::move(pack));
    }
    if (const auto in_force = slots_.in_force.take()) {
      parts_.side.follow(*in_force);
    }
    if (*pulled == Pull::end) {
      break;
    }
    if (*pulled == Pull::packet) {
      packets_.add_alone();
      parts_.side.take(packet);
      newest_ = std::max(newest_, packet.when);
      hand_over(packet.when);
    } else {
      // Nothing came: time passes by the clock, which may be behind the kernel's by a little.
      newest_ = std::max(newest_, clock_.wall());
      parts_.side.pass_time(newest_);
      hand_over(newest_);
    }
  }
  hand_over_all();
  return Ok{};
}

// put takes the memory and the ledger along. False: the queue is full, the contacts stay in
// `parcel`.
bool LiveLoop::put(Parcel& parcel) {
  UnknownLedger& ledger = parts_.side.ledger();
  parcel.memory = parts_.side.evidence().save();
  if (ledger.changed()) {
    parcel.ledger = ledger.encode();
  }
  if (!parts_.queue.try_put(parcel)) {
    return false;
  }
  ledger.saved();
  memory_saved_ = clock_.monotonic();
  parts_.wake();
  return true;
}

void LiveLoop::hand_over(WallTime now) {
  while (auto parcel = parts_.cutter.cut(now)) {
    if (!put(*parcel)) {
      parts_.cutter.put_back(std::move(*parcel));
      return;
    }
  }
  if (clock_.monotonic() - memory_saved_ >= kMemoryEvery) {
    Parcel parcel;
    static_cast<void>(put(parcel));
  }
}

void LiveLoop::hand_over_all() {
  parts_.side.finish();
  while (auto parcel = parts_.cutter.cut_all()) {
    if (!put(*parcel)) {
      return;
    }
  }
  Parcel last;
  static_cast<void>(put(last));
}

ReplayLoop::ReplayLoop(LoopParts parts, std::uint64_t skip, std::chrono::nanoseconds shift)
    : parts_(std::move(parts)), skip_(skip), shift_(shift), packets_(packets_of(parts_.counters)) {}

Result<bool, CaptureError> ReplayLoop::play(PacketSource& source) {
  Packet packet;
  for (;;) {
    const auto pulled = source.next(packet, std::chrono::milliseconds{0});
    if (!pulled) {
      return Failure{pulled.error()};
    }
    if (*pulled == Pull::end) {
      return true;
    }
    packets_.add_alone();
    packet.when += shift_;
    seen_until_ = std::max(seen_until_.value_or(packet.when), packet.when);
    parts_.side.take(packet);
    while (auto parcel = parts_.cutter.cut(packet.when)) {
      if (!hand_over(std::move(parcel))) {
        return false;
      }
    }
    // Asking costs a lock: not with every packet.
    if (++since_asked_ >= kAskEvery) {
      since_asked_ = 0;
      if (parts_.stopping()) {
        return false;
      }
    }
  }
}

bool ReplayLoop::finish() {
  parts_.side.finish();
  while (auto parcel = parts_.cutter.cut_all()) {
    if (!hand_over(std::move(parcel))) {
      return false;
    }
  }
  // A capture in which every name was hidden has no contact, and must still tell of its blindness.
  Parcel last;
  last.seen_until = seen_until_;
  return !seen_until_ || hand_over(std::move(last));
}

bool ReplayLoop::hand_over(std::optional<Parcel> parcel) {
  parcel->part = ++part_;
  if (part_ <= skip_) {
    return true;
  }
  if (!parts_.queue.put(std::move(*parcel), parts_.stopping)) {
    return false;
  }
  ++put_;
  parts_.wake();
  return true;
}

}  // namespace gnomon
