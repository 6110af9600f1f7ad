// ProcessTable finds the process that holds a socket, in /proc.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/attribute/proc_folder.h"
#include "core/clock.h"
#include "core/counters.h"

namespace gnomon {

// RunningProgram is a process by number and by the name of its program file.
struct RunningProgram {
  std::uint32_t pid = 0;
  std::string name;  // "firefox"; never arguments, at most kMaxProgramName bytes
};

// ProcessTable looks where a socket most likely is, and at all processes only when nothing else is
// left. In this order:
//
//   1. what was met on the way when another socket was looked for;
//   2. processes that began since the last question: a script's command says hello at once;
//   3. processes in which a socket of this user was found before, at the descriptors that changed
//      last first;
//   4. processes that are a few seconds old;
//   5. all others of the socket's user, then those of anybody.
//
// What looking may cost is bounded: Limits::effort_per_second, and a pause between two walks over
// all processes that grows while they find nothing. A socket not found is not looked for again for
// a while. Nothing found is an honest answer.
//
// For processes of other users it needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. Counts
// `attribute_found_total{by=...}` and `attribute_effort_total`. `clock` and `counters` must outlive
// it. For one thread.
class ProcessTable {
 public:
  static constexpr std::size_t kMaxProgramName = 64;

  struct Limits {
    // In links read; a process opened counts as four. A link takes about a microsecond, so this
    // is two percent of a processor.
    std::uint32_t effort_per_second = 20'000;
    // Between walks over all processes, when the last one found nothing: doubled each time.
    std::chrono::milliseconds first_pause{100};
    std::chrono::milliseconds longest_pause{2000};
    // How long a process counts as young, and a socket that nobody holds as missing.
    std::chrono::seconds youth{10};
    std::chrono::seconds missing{2};
  };

  // `proc` is where the kernel's process table is mounted.
  ProcessTable(const Limits& limits, const Clock& clock, Counters& counters,
               const std::string& proc = "/proc");

  // find yields who holds the socket with this inode, which the user `uid` made; nothing when
  // nobody does any more, when we may not look, or when looking has cost enough.
  std::optional<RunningProgram> find(std::uint32_t inode, std::uint32_t uid);

  // name_of yields what a process is called, as RunningProgram has it; empty when it ended. This
  // costs two links and is never refused.
  std::string name_of(std::uint32_t pid);

 private:
  // One connection after the other goes through the lowest free descriptors.
  static constexpr std::size_t kLately = 8;
  // How many free descriptors behind those are tried: a page opens several connections at once.
  static constexpr std::uint32_t kAhead = 2;
  // Browser, mail, chat, resolver, a few services: more rarely speak within one minute.
  static constexpr std::size_t kMaxHolders = 16;
  static constexpr std::size_t kMaxYoung = 32;
  // A browser holds up to 300 sockets, a machine some thousand. 8 bytes each.
  static constexpr std::size_t kPlaces = 4096;
  static constexpr std::size_t kMaxMissing = 64;

  // Holder is a process in which a wanted socket was found, the last one first.
  struct Holder {
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;                        // of that socket
    std::uint64_t asked = 0;                      // in which question it was looked into last
    std::array<std::uint32_t, kLately> lately{};  // descriptors of its newest sockets
    std::size_t next_lately = 0;
  };
  struct Young {
    std::uint32_t pid = 0;
    MonotonicTime since{};
    std::uint64_t asked = 0;
  };
  // Place is where a socket was seen, by the low bits of its inode.
  struct Place {
    std::uint32_t inode = 0;
    std::uint32_t pid = 0;
  };
  struct Missing {
    std::uint32_t inode = 0;
    MonotonicTime until{};
  };

  enum class Look : std::uint8_t { found, not_here, gone };  // gone, or not to be looked into

  std::optional<RunningProgram> recall(std::uint32_t inode, std::uint32_t uid);
  bool look_at_young(std::uint32_t inode, std::uint32_t uid, bool newborn, std::uint32_t& pid);
  bool look_at_holders(std::uint32_t inode, std::uint32_t uid, std::uint32_t& pid);
  bool look_at_all(std::uint32_t inode, std::uint32_t uid, std::uint32_t& pid);
  bool walk_all(std::uint32_t inode, std::uint32_t uid, bool of_user, std::uint32_t& pid);

  void meet_newborn();
  void meet(std::uint32_t first, std::uint32_t last);
  void add_young(std::uint32_t pid);
  bool was_asked(std::uint32_t pid) const;
  Look look_into(std::uint32_t pid, std::uint32_t inode);
  bool look_lately(const OpenFolder& descriptors, Holder& holder, std::uint32_t inode);
  bool note(const OpenFolder& descriptors, std::uint32_t descriptor, std::uint32_t pid,
            Holder* holder, std::uint32_t inode);
  Holder* holder(std::uint32_t pid);
  void make_holder(std::uint32_t pid, std::uint32_t uid);
  std::optional<RunningProgram> answer(std::uint32_t pid, std::uint32_t uid);

  bool may_look() const { return effort_left_ > 0; }
  void spend(std::uint32_t effort);
  void begin_question();
  Place& place_of(std::uint32_t inode) { return places_[inode % kPlaces]; }

  Limits limits_;
  const Clock& clock_;
  ProcFolder proc_;
  std::vector<Holder> holders_;
  std::vector<Young> young_;  // the newest first
  std::vector<Place> places_;
  std::array<Missing, kMaxMissing> missing_{};
  std::uint32_t newest_ = 0;    // the last process number that was met
  std::uint64_t question_ = 0;  // counts calls of find() that had to look
  MonotonicTime now_{};         // of this question
  MonotonicTime second_begin_{};
  std::int64_t effort_left_ = 0;  // of this second
  MonotonicTime next_walk_{};
  std::chrono::milliseconds pause_{0};

  Counter& remembered_;
  Counter& newborn_;
  Counter& holder_;
  Counter& young_found_;
  Counter& all_;
  Counter& effort_;
};

}  // namespace gnomon
