// Listeners: where agents, machines that enrol, and administration come in.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "collector/config.h"
#include "collector/enrol/admin_server.h"
#include "collector/enrol/authority.h"
#include "collector/enrol/enrol_server.h"
#include "collector/enrol/policy_book.h"
#include "collector/enrol/registry.h"
#include "collector/ingest/ingest_server.h"
#include "collector/query/query.h"
#include "collector/review/review.h"
#include "collector/rules_in_use.h"
#include "collector/store/store.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/net/host_port.h"

namespace boost::asio {
class io_context;
class thread_pool;
}  // namespace boost::asio

namespace gnomon {

// Listeners opens all doors but that of the pages, which is open before there is a store. From
// open() on agents are offered rules and policy, also each new one, and the registry's bars cut
// connections.
//
// open() and stop() on the I/O thread or before it runs, the rest from any thread once it is open.
// Everything given, and the listeners themselves, must outlive the run of the io_context and the
// store's last callback.
class Listeners {
 public:
  struct Parts {
    boost::asio::io_context& io;
    boost::asio::thread_pool& pool;
    const Config& config;
    FileSystem& files;
    const Clock& clock;
    Counters& counters;
    Authority& authority;
    Registry& registry;
    PolicyBook& policies;
    Store& store;
    RulesInUse& rules;
    const Query& query;
    Review& review;
  };

  explicit Listeners(Parts parts);
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;
  ~Listeners();

  // open listens. `unknowns` is what sessions learn about unknown domains. A sentence when it
  // fails.
  std::optional<std::string> open(UnknownsDoor unknowns);

  // stop takes nobody in any more and tells agents to come back; has_agents says whether some have
  // not hung up yet.
  void stop();
  bool has_agents() const { return !ingest_->live().empty(); }

  std::uint16_t agent_port() const { return ingest_->port(); }  // the ports bound
  std::uint16_t enrol_port() const { return enrol_->port(); }

  // renew_tls takes the server's certificate anew from the authority, for new connections.
  void renew_tls();

  // ask_unknowns has every connected agent go to the door for unknown domains.
  void ask_unknowns() { ingest_->ask_unknowns(); }

 private:
  std::optional<std::string> open_ingest(UnknownsDoor unknowns);
  std::optional<std::string> open_enrolment();
  std::optional<std::string> open_administration();
  std::map<std::string, std::string> connected_agents() const;
  void offer_policy(const Policy& policy);

  Parts parts_;
  std::unique_ptr<IngestServer> ingest_;
  std::unique_ptr<EnrolServer> enrol_;
  std::unique_ptr<AdminServer> admin_;
};

// listening_problem says in a sentence why nobody listens at an address; `what` is for whom:
// "agents".
std::string listening_problem(const char* what, const HostPort& address, const IoError& error);

}  // namespace gnomon
