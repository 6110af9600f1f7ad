#include "agent/decode/fragment_table.h"

#include <algorithm>
#include <utility>

namespace gnomon {
namespace {

// An IP datagram's length field has 16 bits; a piece that would end behind that is the "ping of
// death".
constexpr std::uint32_t kMaxDatagramBytes = 65535;

// 45 pieces of 1,480 bytes make the largest datagram; smaller links make more. Beyond this, the
// pieces are too small to be anything but an attempt to hide.
constexpr std::size_t kMaxPieces = 256;

// Offsets count units of eight bytes, so every piece but the last has whole units.
constexpr std::uint32_t kUnit = 8;

}  // namespace

FragmentTable::FragmentTable(const Limits& limits, Counters& counters)
    : limits_(limits),
      evicted_(counters.counter("decode_fragments_evicted_total",
                                "datagrams whose fragments were forgotten to make room")),
      partials_(limits.datagrams) {}

FragmentOutcome FragmentTable::add(const Fragment& fragment, WallTime when) {
  const std::uint32_t size = static_cast<std::uint32_t>(fragment.bytes.size());
  if (size == 0 || fragment.offset > kMaxDatagramBytes ||
      size > kMaxDatagramBytes - fragment.offset || (fragment.more && size % kUnit != 0)) {
    return FragmentOutcome::malformed;
  }
  Partial& partial = find_or_make(fragment, when);
  if (partial.refused) {
    return FragmentOutcome::overlapping;
  }
  const FragmentOutcome placed = place(partial, fragment);
  if (placed != FragmentOutcome::held) {
    return placed;
  }
  if (partial.total != 0 && partial.received == partial.total) {
    held_bytes_ -= partial.bytes.size();
    whole_ = std::move(partial.bytes);
    whole_next_ = partial.next;
    partial.bytes.clear();
    release(partial);
    return FragmentOutcome::complete;
  }
  while (held_bytes_ > limits_.bytes && evict_oldest(&partial)) {
  }
  return FragmentOutcome::held;
}

FragmentTable::Partial& FragmentTable::find_or_make(const Fragment& fragment, WallTime when) {
  // A free place, or else the one that is held for longest.
  Partial* place = &partials_.front();
  for (Partial& partial : partials_) {
    if (!partial.used) {
      place = place->used ? &partial : place;
      continue;
    }
    if (partial.id == fragment.id && partial.key_protocol == fragment.key_protocol &&
        partial.source == fragment.source && partial.destination == fragment.destination) {
      if (when - partial.first <= limits_.patience) {
        return partial;
      }
      // The number came round again: what is left of the old datagram will never be whole.
      place = &partial;
      break;
    }
    if (place->used && partial.order < place->order) {
      place = &partial;
    }
  }
  if (place->used) {
    evicted_.add_alone();
  }
  release(*place);
  place->used = true;
  place->source = fragment.source;
  place->destination = fragment.destination;
  place->id = fragment.id;
  place->key_protocol = fragment.key_protocol;
  place->first = when;
  place->order = ++order_;
  return *place;
}

FragmentOutcome FragmentTable::place(Partial& partial, const Fragment& fragment) {
  const std::uint32_t begin = fragment.offset;
  const std::uint32_t end = begin + static_cast<std::uint32_t>(fragment.bytes.size());
  auto after =
      std::lower_bound(partial.ranges.begin(), partial.ranges.end(), begin,
                       [](const Range& range, std::uint32_t at) { return range.end <= at; });
  if (after != partial.ranges.end() && after->begin < end) {
    const auto held = partial.bytes.begin() + begin;
    const bool same = after->begin <= begin && end <= after->end &&
                      std::equal(fragment.bytes.begin(), fragment.bytes.end(), held);
    return same ? FragmentOutcome::duplicate : refuse(partial, FragmentOutcome::overlapping);
  }
  const bool last_again = !fragment.more && partial.total != 0;
  const bool behind_last = partial.total != 0 && end > partial.total;
  const bool last_before =
      !fragment.more && !partial.ranges.empty() && partial.ranges.back().end > end;
  if (last_again || behind_last || last_before) {
    return refuse(partial, FragmentOutcome::overlapping);
  }
  if (partial.ranges.size() == kMaxPieces) {
    return refuse(partial, FragmentOutcome::malformed);
  }
  if (partial.bytes.size() < end) {
    held_bytes_ += end - partial.bytes.size();
    partial.bytes.resize(end);
  }
  std::copy(fragment.bytes.begin(), fragment.bytes.end(), partial.bytes.begin() + begin);
  partial.ranges.insert(after, Range{begin, end});
  partial.received += end - begin;
  if (!fragment.more) {
    partial.total = end;
  }
  if (begin == 0) {
    partial.next = fragment.next;
  }
  return FragmentOutcome::held;
}

FragmentOutcome FragmentTable::refuse(Partial& partial, FragmentOutcome why) {
  held_bytes_ -= partial.bytes.size();
  std::vector<std::uint8_t>{}.swap(partial.bytes);
  partial.ranges.clear();
  partial.refused = true;
  return why;
}

void FragmentTable::release(Partial& partial) {
  held_bytes_ -= partial.bytes.size();
  // Freed, not kept: a flood of large datagrams must not leave every place with 64 KiB.
  std::vector<std::uint8_t>{}.swap(partial.bytes);
  partial.ranges.clear();
  partial.used = false;
  partial.refused = false;
  partial.total = 0;
  partial.received = 0;
}

bool FragmentTable::evict_oldest(const Partial* keep) {
  Partial* oldest = nullptr;
  for (Partial& partial : partials_) {
    if (partial.used && &partial != keep && !partial.bytes.empty() &&
        (oldest == nullptr || partial.order < oldest->order)) {
      oldest = &partial;
    }
  }
  if (oldest == nullptr) {
    return false;
  }
  evicted_.add_alone();
  release(*oldest);
  return true;
}

}  // namespace gnomon
