#include "agent/attribute/process_table.h"

#include <algorithm>
#include <limits>

namespace gnomon {
namespace {

constexpr std::uint32_t kProcessEffort = 4;  // to open, list and close
constexpr std::uint32_t kNamingEffort = 2;

Counter& found_by(Counters& counters, std::string_view way) {
  return counters.counter("attribute_found_total",
                          "Processes found, by where they were looked for.", {{"by", way}});
}

}  // namespace

ProcessTable::ProcessTable(const Limits& limits, const Clock& clock, Counters& counters,
                           const std::string& proc)
    : limits_(limits),
      clock_(clock),
      proc_(proc),
      places_(kPlaces),
      newest_(proc_.newest().value_or(0)),
      second_begin_(clock.monotonic()),
      effort_left_(limits.effort_per_second),
      remembered_(found_by(counters, "memory")),
      newborn_(found_by(counters, "newborn")),
      holder_(found_by(counters, "holder")),
      young_found_(found_by(counters, "young")),
      all_(found_by(counters, "walk")),
      effort_(
          counters.counter("attribute_effort_total",
                           "Links read in the process table, a process opened counts as four.")) {
  holders_.reserve(kMaxHolders + 1);
  young_.reserve(kMaxYoung + 1);
}

std::optional<RunningProgram> ProcessTable::find(std::uint32_t inode, std::uint32_t uid) {
  begin_question();
  if (auto known = recall(inode, uid)) {
    remembered_.add_alone();
    return known;
  }
  const Missing& missing = missing_[inode % kMaxMissing];
  if (missing.inode == inode && now_ < missing.until) {
    return std::nullopt;
  }
  meet_newborn();
  std::uint32_t pid = 0;
  Counter* way = look_at_young(inode, uid, true, pid)    ? &newborn_
                 : look_at_holders(inode, uid, pid)      ? &holder_
                 : look_at_young(inode, uid, false, pid) ? &young_found_
                 : look_at_all(inode, uid, pid)          ? &all_
                                                         : nullptr;
  if (way == nullptr) {
    return std::nullopt;
  }
  way->add_alone();
  return answer(pid, uid);
}

void ProcessTable::begin_question() {
  ++question_;
  now_ = clock_.monotonic();
  if (now_ - second_begin_ >= std::chrono::seconds{1}) {
    second_begin_ = now_;
    effort_left_ = limits_.effort_per_second;
  }
}

void ProcessTable::spend(std::uint32_t effort) {
  effort_left_ -= effort;
  effort_.add_alone(effort);
}

// recall answers from what was seen on the way. Inodes are not given twice within 2^32 sockets, and
// a socket that is passed on is still the one that its first holder opened.
std::optional<RunningProgram> ProcessTable::recall(std::uint32_t inode, std::uint32_t uid) {
  Place& place = place_of(inode);
  if (place.inode != inode) {
    return std::nullopt;
  }
  auto found = answer(place.pid, uid);
  if (!found) {
    place = {};  // gone; perhaps somebody else holds the socket too
  }
  return found;
}

// meet_newborn puts the processes that began since the last question among the young ones.
void ProcessTable::meet_newborn() {
  std::erase_if(young_, [this](const Young& one) { return now_ - one.since > limits_.youth; });
  const auto newest = proc_.newest();
  spend(1);
  if (!newest || *newest == newest_) {
    return;
  }
  if (*newest > newest_) {
    meet(newest_ + 1, *newest);
  } else {
    // Numbers began again at the low ones. Old processes are met there once more, and do no harm.
    meet(newest_ + 1, std::numeric_limits<std::uint32_t>::max());
    meet(1, *newest);
  }
  newest_ = *newest;
}

void ProcessTable::meet(std::uint32_t first, std::uint32_t last) {
  spend(kProcessEffort);
  NumberedNames names = proc_.processes(first);
  while (names.next()) {
    if (names.number() >= first && names.number() <= last) {
      add_young(names.number());
    } else if (names.number() > last && proc_.is_in_order()) {
      return;
    }
  }
}

void ProcessTable::add_young(std::uint32_t pid) {
  std::erase_if(young_, [pid](const Young& one) { return one.pid == pid; });
  if (young_.size() == kMaxYoung) {
    young_.pop_back();
  }
  young_.insert(young_.begin(), Young{pid, now_, 0});
}

bool ProcessTable::look_at_young(std::uint32_t inode, std::uint32_t uid, bool newborn,
                                 std::uint32_t& pid) {
  for (Young& one : young_) {
    if (!may_look()) {
      return false;
    }
    if ((newborn && one.since != now_) || one.asked == question_ || holder(one.pid) != nullptr) {
      continue;
    }
    one.asked = question_;
    spend(1);
    const auto user = proc_.user_of(one.pid);
    // Who does not want to be looked into shows as root.
    if (user && (*user == uid || *user == 0) && look_into(one.pid, inode) == Look::found) {
      pid = one.pid;
      return true;
    }
  }
  return false;
}

bool ProcessTable::look_at_holders(std::uint32_t inode, std::uint32_t uid, std::uint32_t& pid) {
  for (std::size_t i = 0; i < holders_.size() && may_look();) {
    if (holders_[i].uid != uid) {
      ++i;
      continue;
    }
    holders_[i].asked = question_;
    switch (look_into(holders_[i].pid, inode)) {
      case Look::found:
        pid = holders_[i].pid;
        return true;
      case Look::gone:
        holders_.erase(holders_.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      case Look::not_here:
        ++i;
        break;
    }
  }
  return false;
}

bool ProcessTable::look_at_all(std::uint32_t inode, std::uint32_t uid, std::uint32_t& pid) {
  if (now_ < next_walk_ || !may_look()) {
    return false;
  }
  if (walk_all(inode, uid, true, pid) || walk_all(inode, uid, false, pid)) {
    pause_ = {};
    return true;
  }
  if (may_look()) {
    missing_[inode % kMaxMissing] = {inode, now_ + limits_.missing};
  }
  pause_ = std::clamp(pause_ * 2, limits_.first_pause, limits_.longest_pause);
  next_walk_ = now_ + pause_;
  return false;
}

// walk_all looks into all processes of the user, or into all of others.
bool ProcessTable::walk_all(std::uint32_t inode, std::uint32_t uid, bool of_user,
                            std::uint32_t& pid) {
  NumberedNames names = proc_.processes();
  while (may_look() && names.next()) {
    const auto user = proc_.user_of(names.number());
    spend(2);  // listed, and asked about
    if (user && (*user == uid) == of_user && !was_asked(names.number()) &&
        look_into(names.number(), inode) == Look::found) {
      pid = names.number();
      return true;
    }
  }
  return false;
}

bool ProcessTable::was_asked(std::uint32_t pid) const {
  const auto asked = [this, pid](const auto& one) {
    return one.pid == pid && one.asked == question_;
  };
  return std::any_of(holders_.begin(), holders_.end(), asked) ||
         std::any_of(young_.begin(), young_.end(), asked);
}

// look_into reads all descriptors of a process, so that the next question may be answered by what
// was seen.
ProcessTable::Look ProcessTable::look_into(std::uint32_t pid, std::uint32_t inode) {
  spend(kProcessEffort);
  const OpenFolder descriptors = proc_.descriptors_of(pid);
  if (!descriptors.is_open()) {
    return Look::gone;
  }
  Holder* known = holder(pid);
  if (known != nullptr && look_lately(descriptors, *known, inode)) {
    return Look::found;
  }
  Look look = Look::not_here;
  NumberedNames names{descriptors};
  while (may_look() && names.next()) {
    if (note(descriptors, names.number(), pid, known, inode)) {
      look = Look::found;
    }
  }
  return look;
}

// look_lately tries the descriptors that changed last and those behind the highest of them.
bool ProcessTable::look_lately(const OpenFolder& descriptors, Holder& holder, std::uint32_t inode) {
  std::uint32_t highest = 0;
  const std::array<std::uint32_t, kLately> lately = holder.lately;
  for (const std::uint32_t descriptor : lately) {
    highest = std::max(highest, descriptor);
    if (descriptor != 0 && note(descriptors, descriptor, holder.pid, &holder, inode)) {
      return true;
    }
  }
  for (std::uint32_t ahead = 1; highest != 0 && ahead <= kAhead; ++ahead) {
    if (note(descriptors, highest + ahead, holder.pid, &holder, inode)) {
      return true;
    }
  }
  return false;
}

// note remembers what a descriptor holds; true when it is the wanted socket.
bool ProcessTable::note(const OpenFolder& descriptors, std::uint32_t descriptor, std::uint32_t pid,
                        Holder* holder, std::uint32_t inode) {
  spend(1);
  const std::uint32_t seen = ProcFolder::socket_at(descriptors, descriptor);
  if (seen == 0) {
    return false;
  }
  Place& place = place_of(seen);
  const bool is_new = place.inode != seen;
  if (is_new || seen == inode) {
    place = {seen, pid};
  }
  if (is_new && holder != nullptr) {
    auto& lately = holder->lately;
    if (std::find(lately.begin(), lately.end(), descriptor) == lately.end()) {
      lately.at(holder->next_lately) = descriptor;
      holder->next_lately = (holder->next_lately + 1) % kLately;
    }
  }
  return seen == inode;
}

ProcessTable::Holder* ProcessTable::holder(std::uint32_t pid) {
  const auto found = std::find_if(holders_.begin(), holders_.end(),
                                  [pid](const Holder& one) { return one.pid == pid; });
  return found == holders_.end() ? nullptr : &*found;
}

// make_holder puts a process before the other holders.
void ProcessTable::make_holder(std::uint32_t pid, std::uint32_t uid) {
  const auto known = std::find_if(holders_.begin(), holders_.end(),
                                  [pid](const Holder& one) { return one.pid == pid; });
  if (known != holders_.end()) {
    std::rotate(holders_.begin(), known, known + 1);
  } else {
    if (holders_.size() == kMaxHolders) {
      holders_.pop_back();
    }
    holders_.insert(holders_.begin(), Holder{});
    holders_.front().pid = pid;
  }
  holders_.front().uid = uid;
}

std::string ProcessTable::name_of(std::uint32_t pid) {
  spend(kNamingEffort);
  std::string name = proc_.program_of(pid);
  name.resize(std::min(name.size(), kMaxProgramName));
  return name;
}

// answer names the process anew each time: its number may have come to another program since.
std::optional<RunningProgram> ProcessTable::answer(std::uint32_t pid, std::uint32_t uid) {
  std::string name = name_of(pid);
  if (name.empty()) {
    return std::nullopt;  // it ended while we looked
  }
  make_holder(pid, uid);
  return RunningProgram{pid, std::move(name)};
}

}  // namespace gnomon
