// BatchCutter: gathers contacts into parcels, each of which becomes one batch.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/contact_queue.h"
#include "agent/evidence/evidence.h"
#include "core/clock.h"

namespace gnomon {

// BatchCutter cuts by the time it is told and by count, never by the clock: the same contacts at
// the same times give the same parcels. That is what makes a replay repeatable. Capture thread.
class BatchCutter final : public ContactSink {
 public:
  // A batch of so many contacts, each with all its reasons, is well below the wire's limits.
  static constexpr std::size_t kMaxContacts = 512;
  // News waits for company this long at most.
  static constexpr std::chrono::milliseconds kPatience{1000};
  // What may wait here when the I/O thread takes nothing. Over it contacts are lost, and counted.
  static constexpr std::size_t kMaxWaiting = 16384;

  void on_contact(Contact contact) override;

  // cut yields the next parcel that is due at `now`, or nothing. Call it until it yields nothing.
  std::optional<Parcel> cut(WallTime now);

  // cut_all yields what is left, due or not.
  std::optional<Parcel> cut_all();

  // set_reasons false: contacts lose the reasons behind their stage as they come.
  void set_reasons(bool reasons) { reasons_ = reasons; }

  // put_back returns a parcel for which there was no room. Its contacts go first next time.
  void put_back(Parcel parcel);

  bool empty() const { return waiting_.empty(); }

 private:
  Parcel take();

  std::vector<Contact> waiting_;
  bool reasons_ = true;
  std::optional<WallTime> since_;  // when the oldest of them was seen waiting
  std::uint64_t lost_ = 0;
  WallTime lost_from_{};
  WallTime lost_to_{};
};

}  // namespace gnomon
