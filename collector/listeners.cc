#include "collector/listeners.h"

#include <algorithm>
#include <utility>

#include "collector/backup.h"
#include "collector/enrol/admin_client.h"
#include "collector/enrol/policy_commands.h"
#include "collector/overlay_commands.h"
#include "collector/review_commands.h"
#include "collector/unknowns_commands.h"
#include "core/log.h"
#include "core/net/descriptor_limit.h"

namespace gnomon {
namespace {

// Open files beside the connections of agents: RocksDB's tables, readers of pages, the rest.
constexpr std::uint64_t kOwnDescriptors = 1024;

// connections_possible raises the limit of open files to what the system allows, and says once how
// far that goes when it is not far enough.
std::size_t connections_possible(std::size_t wanted) {
  const std::uint64_t files = raise_descriptor_limit();
  const std::uint64_t possible = files > kOwnDescriptors ? files - kOwnDescriptors : 1;
  if (possible < wanted) {
    log::warn("collector.few_descriptors",
              {{"open_files", files},
               {"agents_possible", possible},
               {"agents_wanted", wanted},
               {"cure", "raise LimitNOFILE= of the service, or `ulimit -Hn`"}});
  }
  return static_cast<std::size_t>(std::min<std::uint64_t>(possible, wanted));
}

}  // namespace

Listeners::Listeners(Parts parts) : parts_(parts) {}

Listeners::~Listeners() = default;

std::optional<std::string> Listeners::open(UnknownsDoor unknowns) {
  auto problem = open_ingest(std::move(unknowns));
  if (!problem) {
    problem = open_enrolment();
  }
  return problem ? problem : open_administration();
}

std::optional<std::string> Listeners::open_ingest(UnknownsDoor unknowns) {
  const Config& config = parts_.config;
  IngestOptions options = config.agents;
  options.address = config.listen;
  options.max_connections = connections_possible(options.max_connections);
  ingest_ = std::make_unique<IngestServer>(
      IngestServer::Parts{parts_.io, parts_.pool, parts_.authority, parts_.registry, parts_.store,
                          parts_.clock, parts_.counters},
      std::move(options));
  ingest_->set_unknowns(std::move(unknowns));
  parts_.registry.on_barred([this](const std::string& agent) { ingest_->drop_agent(agent); });
  parts_.policies.on_set([this](const Policy& policy) { offer_policy(policy); });
  if (const auto started = ingest_->start(); !started) {
    return listening_problem("agents", config.listen, started.error());
  }
  parts_.rules.offer_to(*ingest_);
  const auto policy = parts_.policies.policy();
  if (!policy) {
    return "the policy cannot be read: " + policy.error().text();
  }
  if (policy->has_value()) {
    offer_policy(**policy);
  }
  return std::nullopt;
}

std::optional<std::string> Listeners::open_enrolment() {
  EnrolServerOptions options;
  if (OwnRules* own = parts_.rules.own(); own != nullptr) {
    options.overlay_trust = [own] { return own->trust(); };
  }
  options.address = parts_.config.enrol;
  options.agent_port = ingest_->port();
  enrol_ = std::make_unique<EnrolServer>(parts_.io, parts_.pool, parts_.authority, parts_.registry,
                                         parts_.clock, parts_.counters, options);
  if (const auto started = enrol_->start(); !started) {
    return listening_problem("enrolment", parts_.config.enrol, started.error());
  }
  return std::nullopt;
}

std::optional<std::string> Listeners::open_administration() {
  const std::string& data = parts_.config.data;
  const std::string socket = data + "/" + kAdminSocket;
  AdminHandler commands = review_commands(parts_.review, parts_.query);
  commands = unknowns_commands(parts_.store, parts_.clock, std::move(commands));
  commands = backup_commands(parts_.files, parts_.store, data, std::move(commands));
  commands = overlay_commands(
      parts_.rules.own(), [this] { return parts_.rules.read_file(); },
      [this] { return parts_.rules.replace_keys(); }, std::move(commands));
  commands = policy_commands(parts_.policies, std::move(commands));
  commands = enrolment_commands(
      EnrolmentParts{parts_.registry, parts_.authority, parts_.files, parts_.clock, data + "/ca",
                     [this] { return connected_agents(); }},
      std::move(commands));
  admin_ = std::make_unique<AdminServer>(parts_.io, parts_.pool, socket, std::move(commands));
  if (const auto started = admin_->start(); !started) {
    return "cannot listen on " + socket + ": " + started.error().code.message();
  }
  return std::nullopt;
}

void Listeners::stop() {
  ingest_->stop();
  enrol_->stop();
  admin_->stop();
}

void Listeners::renew_tls() {
  ingest_->renew_tls();
  enrol_->renew_tls();
}

// connected_agents says of every agent that is connected what it follows.
std::map<std::string, std::string> Listeners::connected_agents() const {
  std::map<std::string, std::string> all;
  for (const LiveAgent& agent : ingest_->live()) {
    all[agent.agent] = "yes, rules " + std::to_string(agent.pack_version) + ", policy " +
                       (agent.policy_version == 0 ? "none" : std::to_string(agent.policy_version)) +
                       ", " + std::to_string(agent.waiting) + " waiting";
  }
  return all;
}

// offer_policy signs it and sends it to every agent that has an older one.
void Listeners::offer_policy(const Policy& policy) {
  ingest_->offer(wire::PushKind::policy,
                 PushContent{policy.version, parts_.authority.sign(policy)});
  parts_.counters.gauge("policy_version", "Version of the policy that agents are asked to follow.")
      .set(policy.version);
}

std::string listening_problem(const char* what, const HostPort& address, const IoError& error) {
  if (error.code == std::errc::address_in_use) {
    return "port " + std::to_string(address.port) + " of " + address.host + " (" + what +
           ") is in use by another program";
  }
  return std::string{"cannot listen on "} + to_string(address) + " (" + what +
         "): " + error.code.message();
}

}  // namespace gnomon
