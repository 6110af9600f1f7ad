#include "agent/spool/shed.h"

#include <algorithm>
#include <cstddef>

namespace gnomon {
namespace {

bool is_low_worth(const Contact& contact) {
  switch (contact.role) {
    case Role::embed:
    case Role::content:
    case Role::link:
    case Role::asset:
    case Role::idp:
    case Role::unknown:
      return true;
    default:
      break;
  }
  return contact.stage == Stage::none || contact.stage == Stage::embedded ||
         contact.stage == Stage::mentioned;
}

}  // namespace

bool FirstSights::is_first(const Contact& contact) {
  const std::string key = contact.tool + '\n' + contact.user;
  bool first = met_.emplace(key, std::uint8_t{0}).second;
  if (contact.stage == Stage::signup_likely || contact.stage == Stage::integrated) {
    first |= met_.emplace(key, static_cast<std::uint8_t>(contact.stage)).second;
  }
  return first;
}

std::size_t shed(Batch& batch, ShedLevel level, const char* reason, FirstSights& seen) {
  if (level == ShedLevel::nothing) {
    return 0;
  }
  Gap gap;
  gap.reason = reason;
  bool gave_up = batch.health.has_value();
  batch.health.reset();
  const auto note = [&](WallTime from, WallTime to) {
    gap.from = gave_up && gap.to != WallTime{} ? std::min(gap.from, from) : from;
    gap.to = std::max(gap.to, to);
    gave_up = true;
  };
  // A token is sent again when its domain is met a week later.
  if (level >= ShedLevel::low_worth && !batch.unknowns.empty()) {
    batch.unknowns.clear();
    gave_up = true;
  }
  std::vector<Contact> kept;
  for (Contact& contact : batch.contacts) {
    const bool first = seen.is_first(contact);
    const bool goes = !first && (level >= ShedLevel::all_but_first_sights ||
                                 (level >= ShedLevel::low_worth && is_low_worth(contact)));
    if (goes) {
      ++gap.contacts;
      note(contact.window_begin, contact.window_end);
      continue;
    }
    if (!contact.evidence.empty()) {
      contact.evidence.clear();
      note(contact.window_begin, contact.window_end);
    }
    kept.push_back(std::move(contact));
  }
  batch.contacts = std::move(kept);
  if (gave_up) {
    if (gap.to == WallTime{}) {
      gap.from = batch.sealed;
      gap.to = batch.sealed;
    }
    batch.gaps.push_back(gap);
    batch.gaps = merge_gaps(batch.gaps);
  }
  return static_cast<std::size_t>(gap.contacts);
}

std::vector<Gap> merge_gaps(const std::vector<Gap>& gaps) {
  std::vector<Gap> merged;
  for (const Gap& gap : gaps) {
    const auto same = std::find_if(merged.begin(), merged.end(),
                                   [&](const Gap& other) { return other.reason == gap.reason; });
    if (same == merged.end()) {
      merged.push_back(gap);
      continue;
    }
    same->from = std::min(same->from, gap.from);
    same->to = std::max(same->to, gap.to);
    same->contacts += gap.contacts;
    if (gap.from_sequence != 0) {
      same->from_sequence = same->from_sequence == 0
                                ? gap.from_sequence
                                : std::min(same->from_sequence, gap.from_sequence);
      same->to_sequence = std::max(same->to_sequence, gap.to_sequence);
    }
  }
  return merged;
}

}  // namespace gnomon
