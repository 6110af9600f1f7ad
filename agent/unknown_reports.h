// UnknownReports: what has left, and may leave, about domains outside the catalogue.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/match/unknown_ledger.h"
#include "core/byte_reader.h"
#include "core/clock.h"
#include "core/wire/messages.h"

namespace gnomon {

// Reveal is a domain that this machine told its collector in clear text.
struct Reveal {
  std::string domain;
  WallTime when;

  bool operator==(const Reveal&) const = default;
};

// DueReport is a token that may leave now, with the domain it stands for (which stays).
struct DueReport {
  std::string domain;
  TokenReport report;
};

// unknown_token is HMAC-SHA-256 of the domain, cut to 16 bytes, under a key that is itself the
// HMAC of the epoch under the company's secret: tokens of two epochs cannot be linked.
UnknownToken unknown_token(std::string_view secret, std::uint32_t epoch, std::string_view domain);

// UnknownReports decides, on the I/O thread, what may leave about the ledger's domains: nothing,
// unless the machine's own configuration, the collector's policy and a key all say so. Then a token
// for a domain that was opened on kMinDays different days, once, and again at most every kAgain;
// and a name only as answer to a question about a token that left from here in the same epoch.
//
// Pure: no clock, no file, no network. One thread at a time.
class UnknownReports {
 public:
  static constexpr std::uint32_t kMinDays = 2;
  static constexpr std::chrono::days kAgain{7};
  // A collector that asks for everything gets little of it a day, and the person here can see it.
  static constexpr std::uint32_t kMaxRevealsADay = 32;
  static constexpr std::size_t kMaxReveals = 1024;  // remembered; the oldest are forgotten

  // `allowed` is what the machine's own ceiling leaves; `secret` the company's, empty when there is
  // none.
  UnknownReports(bool allowed, std::string secret)
      : allowed_(allowed), secret_(std::move(secret)) {}

  // set_allowed says anew whether tokens may leave, by the ceiling and the signed policy under it.
  // What left before stays noted.
  void set_allowed(bool allowed) { allowed_ = allowed; }

  // set_policy takes the collector's word. Another epoch forgets what was reported in the one
  // before; so does switching off. True when anything changed.
  bool set_policy(const wire::UnknownsPolicy& policy);
  const wire::UnknownsPolicy& policy() const { return policy_; }

  // obstacle says in a few words why nothing leaves; empty when tokens may.
  std::string_view obstacle() const;

  // due yields at most `limit` tokens that may leave now, those longest known first. They count as
  // reported only after mark().
  std::vector<DueReport> due(const UnknownLedger& ledger, std::size_t limit) const;
  void mark(const std::vector<DueReport>& reported);

  // follow drops what is noted of domains that the ledger no longer holds.
  void follow(const UnknownLedger& ledger);

  // answer answers the collector's question, token by token, and remembers what it told.
  wire::RevealReply answer(const wire::RevealRequest& request, const UnknownLedger& ledger,
                           WallTime now);

  // left says when a token for the domain was last reported in this epoch.
  std::optional<std::chrono::sys_days> left(std::string_view domain) const;
  std::size_t left_count() const { return marks_.size(); }
  const std::vector<Reveal>& reveals() const { return reveals_; }  // oldest first
  std::uint64_t told_count() const { return told_; }               // new reveals since it was made

  // encode and decode carry it across restarts (agent/FORMAT.md). decode of anything else leaves it
  // as new and yields false: tokens are then reported again, which no count is raised by.
  std::vector<std::uint8_t> encode() const;
  bool decode(Bytes bytes);

 private:
  struct Mark {
    UnknownToken token{};
    std::chrono::sys_days seen;  // the last day that was reported
  };

  std::string tell(const UnknownToken& token, const UnknownLedger& ledger, WallTime now);
  bool may_tell(const std::string& domain, WallTime now);

  bool allowed_;
  std::string secret_;
  wire::UnknownsPolicy policy_;
  std::map<std::string, Mark, std::less<>> marks_;  // of the policy's epoch
  std::vector<Reveal> reveals_;
  std::chrono::sys_days telling_day_{};
  std::uint32_t told_today_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace gnomon
