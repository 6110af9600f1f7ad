// Unknowns: which tokens of unknown domains may be asked about, whom to ask, what is believed.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collector/rollup/calendar.h"
#include "collector/storage/meta_store.h"
#include "collector/storage/snapshot.h"
#include "collector/unknowns/reveal_book.h"
#include "collector/unknowns/unknown_list.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace gnomon {

struct UnknownsOptions {
  bool enabled = false;           // this collector's switch; each machine has its own
  std::uint32_t min_devices = 5;  // k: so many different devices before anything is asked
  std::uint32_t min_days = 2;     // and so many different days among their first and last ones
  std::uint32_t min_agree = 2;    // so many must tell the same name before it is believed
};

// Unknowns follows the tokens that the store counts. It asks about a token once enough devices
// hold it, only devices that hold it, and only a few of them at once; answers stay in memory until
// enough agree. Every question and every outcome is written to the RevealBook first.
//
// Safe from every thread. All it is given must outlive it.
class Unknowns {
 public:
  // More are not waited for at once: a name needs two answers, not a poll of the company.
  static constexpr std::size_t kMaxAsked = 8;
  // With so many answers and no majority the token is given up.
  static constexpr std::size_t kMaxAnswers = 24;
  static constexpr std::size_t kMaxHolders = 4096;  // remembered of one token
  static constexpr std::size_t kMaxPending = 4096;  // tokens asked about at once

  struct Parts {
    const SnapshotSource& source;
    MetaStore& store;
    const Clock& clock;
    Counters& counters;
    PackNow pack;
    // Devices that do not count: revoked, or enrolled anew under another id. May be empty.
    std::function<Result<std::set<std::string>, IoError>()> not_counted;
  };

  Unknowns(Parts parts, UnknownsOptions options);

  const UnknownsOptions& options() const { return options_; }

  // policy is what agents are told.
  wire::UnknownsPolicy policy() const;

  // touched says that the counts of these tokens may have changed. Does not block.
  void touched(const std::vector<TokenId>& tokens);

  // check looks at the touched tokens (the first time at all of the epoch) and decides about which
  // to ask. True: there is something new to ask. Blocks on the disk.
  Result<bool, IoError> check();

  // question is what the agent is to be asked now, if anything. It counts as asked: call it only
  // for an agent that is connected. Does not block.
  std::optional<wire::RevealRequest> question(const std::string& agent);

  // ask_again stops waiting for agents that were asked and have not answered.
  void ask_again();

  // answered takes an agent's reply; what was not asked of it is ignored. True: a token is settled
  // or needs other devices. Blocks on the disk.
  Result<bool, IoError> answered(const std::string& agent, const wire::RevealReply& reply);

 private:
  struct Pending {
    std::uint32_t devices = 0;
    std::uint32_t days = 0;
    std::set<std::string> holders;
    std::set<std::string> asked;                 // and not answered yet
    std::map<std::string, std::string> answers;  // by device; empty: would not tell
    bool given_up = false;
  };
  struct Tally {
    std::set<std::string> holders;
    std::set<std::uint32_t> days;
  };
  // Believed is the name most devices tell, when enough do.
  struct Believed {
    std::string domain;
    std::uint32_t agreed = 0;
    std::uint32_t told = 0;
  };

  Result<bool, IoError> look(std::uint32_t epoch, const std::set<TokenId>* wanted);
  Result<Ok, IoError> load_settled();
  Result<bool, IoError> consider(const TokenId& token, Tally tally);
  Believed weigh(const Pending& pending) const;
  Result<Ok, IoError> settle(const TokenId& token, const Pending& pending, const Believed& believed,
                             RevealOutcome outcome);
  bool is_plausible(const std::string& domain) const;
  bool is_known(const std::string& domain) const;

  Parts parts_;
  const UnknownsOptions options_;
  RevealBook book_;
  Counter& asked_;
  Counter& told_;
  Counter& refused_;
  Counter& implausible_;
  Gauge& pending_gauge_;

  std::mutex checking_;  // one check() at a time

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::set<TokenId> touched_;
  bool looked_ = false;  // all tokens of the epoch have been looked at
  std::set<TokenId> settled_;
  std::map<TokenId, Pending> pending_;
};

}  // namespace gnomon
