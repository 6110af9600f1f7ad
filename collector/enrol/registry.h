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
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/enrol/authority.h"
#include "collector/enrol/clone_watch.h"
#include "collector/enrol/record_text.h"
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
  std::string machine;      // hash of the machine's id, hexadecimal; empty when it has none
  bool revoked = false;
  bool quarantined = false;
  std::string cloned;  // why its identity counts as in use twice; empty: it does not
};

// Bar is why an agent is not let in.
enum class Bar : std::uint8_t { none, revoked, quarantined, cloned };

std::string_view to_string(Bar bar);

// kAsleepAtMost is how long after the end of its certificate an agent may still ask to be let in.
constexpr std::chrono::hours kAsleepAtMost{24 * 30};

// Enrolled is what a newcomer gets.
struct Enrolled {
  std::string agent;
  std::vector<Certificate> chain;
};

// Registry keeps tokens and agents in the MetaStore and who is denied in memory too, so that every
// connection can be asked about. Calls block on the disk, except bar() and is_denied(). Safe from
// every thread; the store, authority, clock and counters must outlive it.
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

  // let_in issues a new certificate to an agent whose own has expired. It goes into quarantine with
  // it, until release_agent() or, with auto_release, at once.
  Result<std::vector<Certificate>, wire::Error> let_in(const std::string& agent,
                                                       const std::string& csr);

  // revoke_agent denies an agent from now on, and tells on_barred. False: it is not known, and
  // denied all the same.
  Result<bool, IoError> revoke_agent(const std::string& id);

  // release_agent ends a quarantine. False: it is in none.
  Result<bool, IoError> release_agent(const std::string& id);

  // auto_release lets the asleep in without an administrator. Off until somebody turns it on.
  Result<bool, IoError> auto_release() const;
  Result<Ok, IoError> set_auto_release(bool on);

  // greeted notes who says hello: `machine` is the hash of its machine's id, `run` is new with each
  // start of the program; both may be empty. An identity that shows up on another machine than it
  // enrolled from, or whose earlier runs keep coming back after a later one (clone_watch.h), is in
  // use twice. It is barred, for both, until they enrol again, and on_barred is told. Yields the
  // bar.
  Result<Bar, IoError> greeted(const std::string& agent, const std::string& machine,
                               const std::string& run);

  // bar says why an agent is kept out. Never blocks on the disk.
  Bar bar(const std::string& agent) const;
  bool is_denied(const std::string& agent) const { return bar(agent) != Bar::none; }

  // on_barred is called, on the barring thread, for every agent that is barred. Set it before
  // other threads start.
  void on_barred(std::function<void(const std::string& agent)> listener) {
    on_barred_ = std::move(listener);
  }

 private:
  Registry(MetaStore& store, const Authority& authority, const Clock& clock, Counters& counters)
      : store_(store), authority_(authority), clock_(clock), counters_(counters) {}

  // Joining is a newcomer before its record is stored.
  struct Joining {
    Enrolled enrolled;
    std::string token;  // its id
    std::vector<MetaChange> changes;
    bool known_machine = false;
  };

  Failure<wire::Error> refused(wire::ErrorCode code, const char* text);
  Joining join(const wire::EnrolRequest& request, const PublicKey& key,
               const std::string& token_key, const std::string& token) const;
  void replace_machine(const std::string& machine, Joining& joining) const;
  void note_joined(const Joining& joining);

  // change edits an agent's record until nobody else did in between; `edit` yields false to leave
  // it as it is. Yields whether the record was there before.
  Result<bool, IoError> change(const std::string& agent,
                               const std::function<bool(RecordText&)>& edit);
  enum class Quarantine : std::uint8_t { as_it_is, begin, end };
  Result<std::vector<Certificate>, wire::Error> reissue(const std::string& agent,
                                                        const std::string& csr,
                                                        Quarantine quarantine);
  Result<Ok, IoError> set_bar(const std::string& agent, Bar bar, const std::string& why);

  MetaStore& store_;
  const Authority& authority_;
  const Clock& clock_;
  Counters& counters_;
  std::function<void(const std::string&)> on_barred_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<std::string, Bar> barred_;
  CloneWatch clones_;
};

}  // namespace gnomon
