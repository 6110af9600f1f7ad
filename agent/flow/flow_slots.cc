#include "agent/flow/flow_slots.h"

#include <bit>

#include "core/check.h"

namespace gnomon {

FlowSlots::FlowSlots(std::size_t count) : count_(count), heads_(std::bit_ceil(count), kNone) {
  GNOMON_CHECK(count > 0 && count < kNone);
  slots_.reserve(count);
}

FlowSlots::Index FlowSlots::take(const FlowKey& key, std::uint64_t hash) {
  GNOMON_CHECK(!full());
  Index index = free_;
  if (index == kNone) {
    index = static_cast<Index>(slots_.size());
    slots_.emplace_back();
  } else {
    free_ = slots_[index].chain;
  }
  FlowSlot& slot = slots_[index];
  slot = FlowSlot{};
  slot.key = key;
  slot.hash = hash;
  Index& head = heads_[hash & (heads_.size() - 1)];
  slot.chain = head;
  head = index;
  slot.tick = clock_;
  link_newest(index);
  ++in_use_;
  return index;
}

void FlowSlots::release(Index index) {
  FlowSlot& slot = slots_[index];
  Index* link = &heads_[slot.hash & (heads_.size() - 1)];
  while (*link != index) {
    link = &slots_[*link].chain;
  }
  *link = slot.chain;
  unlink(index);
  slot.chain = free_;
  free_ = index;
  --in_use_;
}

void FlowSlots::link_newest(Index index) {
  FlowSlot& slot = slots_[index];
  slot.older = newest_;
  slot.newer = kNone;
  if (newest_ != kNone) {
    slots_[newest_].newer = index;
  } else {
    oldest_ = index;
  }
  newest_ = index;
}

void FlowSlots::unlink(Index index) {
  const FlowSlot& slot = slots_[index];
  if (slot.older != kNone) {
    slots_[slot.older].newer = slot.newer;
  } else {
    oldest_ = slot.newer;
  }
  if (slot.newer != kNone) {
    slots_[slot.newer].older = slot.older;
  } else {
    newest_ = slot.older;
  }
}

}  // namespace gnomon
