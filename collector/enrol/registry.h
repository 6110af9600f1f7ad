// Registry: who may join, who has joined, and who is out.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "collector/enrol/authority.h"
#include "collector/storage/meta_store.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace gnomon {

// TokenOptions are the bounds of a join token.
struct TokenOptions {
  std::string label;  // what it is for: "sales laptops"
  std::uint32_t max_uses = 1;
  std::chrono::hours life{24};
};

// NewToken holds the secret: shown once, stored only as a hash.
struct NewToken {
  std::string id;
  std::string text;  // "gn1.<id>.<secret>.<SHA-256 of the root's key>"
  WallTime expires;
};

struct TokenInfo {
  std::string id;
  std::string label;
  WallTime created;
  WallTime expires;
  std::uint32_t max_uses = 0;
  std::uint32_t uses = 0;
  bool revoked = false;
};

struct AgentInfo {
  std::string id;     // UUID
  std::string label;  // of the token it joined with
  std::string os;
  std::string arch;
  std::string version;  // when it enrolled or last renewed
  WallTime enrolled;
  WallTime renewed;
  WallTime certificate_expires;
  std::string serial;
  std::string replaced_by;  // another agent that enrolled from the same machine later
  bool revoked = false;
};

// Enrolled is what a newcomer gets.
struct Enrolled {
  std::string agent;
  std::vector<Certificate> chain;
};

// Registry keeps tokens and agents in the MetaStore and who is denied in memory too, so that every
// connection can be asked about. Calls block on the disk, except is_denied(). Safe from every
// thread; the store, authority, clock and counters must outlive it.
class Registry {
 public:
  static Result<std::unique_ptr<Registry>, IoError> open(MetaStore& store,
                                                         const Authority& authority,
                                                         const Clock& clock, Counters& counters);

  Result<NewToken, IoError> create_token(const TokenOptions& options);
  Result<std::vector<TokenInfo>, IoError> tokens() const;
  Result<bool, IoError> revoke_token(const std::string& id);  // false: there is none

  // enrol spends a use of the token and records the agent in one atomic change. The refusal says
  // why in words for a person.
  Result<Enrolled, wire::Error> enrol(const wire::EnrolRequest& request);

  // renew issues a new certificate to an agent that is not denied.
  Result<std::vector<Certificate>, wire::Error> renew(const std::string& agent,
                                                      const std::string& csr);

  Result<std::vector<AgentInfo>, IoError> agents() const;

  // not_counted names the agents that are no device of their own any more: revoked, or enrolled
  // anew under another id. For whoever counts devices.
  Result<std::set<std::string>, IoError> not_counted() const;

  // revoke_agent denies an agent from now on, and tells on_revoked. False: it is not known, and
  // denied all the same.
  Result<bool, IoError> revoke_agent(const std::string& id);
  bool is_denied(const std::string& agent) const;

  // on_revoked is called, on the revoking thread, for every agent that is revoked. Set it before
  // other threads start.
  void on_revoked(std::function<void(const std::string& agent)> listener) {
    on_revoked_ = std::move(listener);
  }

 private:
  Registry(MetaStore& store, const Authority& authority, const Clock& clock, Counters& counters)
      : store_(store), authority_(authority), clock_(clock), counters_(counters) {}

  Failure<wire::Error> refused(wire::ErrorCode code, const char* text);

  MetaStore& store_;
  const Authority& authority_;
  const Clock& clock_;
  Counters& counters_;
  std::function<void(const std::string&)> on_revoked_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_set<std::string> denied_;
};

}  // namespace gnomon
