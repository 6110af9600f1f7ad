// Certificates: for newcomers with a token, for agents that renew, for those that slept too long.

#include <optional>
#include <utility>

#include "collector/enrol/registry.h"
#include "collector/enrol/registry_records.h"
#include "core/log.h"
#include "core/net/crypto.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

// obstacle_of says why a token lets nobody in; nullopt: it does. `stored` is its record, empty when
// there is none.
std::optional<wire::Error> obstacle_of(const std::string& key,
                                       const std::optional<std::string>& stored,
                                       const std::string& secret, WallTime now) {
  using wire::ErrorCode;
  const RecordText record = RecordText::parse(stored.value_or(""));
  // An unknown token costs the same time as a wrong secret, and gets the same answer.
  const bool right =
      equal_in_constant_time(record.get("secret_sha256"), to_hex(sha256_text(secret)));
  if (!stored || !right) {
    return wire::Error{ErrorCode::token_unknown, "the join token is not known to this collector",
                       0};
  }
  const TokenInfo info = token_info(key, *stored);
  if (info.revoked) {
    return wire::Error{ErrorCode::token_revoked, "the join token was revoked", 0};
  }
  if (now >= info.expires) {
    return wire::Error{ErrorCode::token_expired, "the join token has expired", 0};
  }
  if (info.uses >= info.max_uses) {
    return wire::Error{ErrorCode::token_used_up, "the join token was used as often as it may be",
                       0};
  }
  return std::nullopt;
}

}  // namespace

Result<Enrolled, wire::Error> Registry::enrol(const wire::EnrolRequest& request) {
  using wire::ErrorCode;
  const auto key = PublicKey::from_csr(request.csr);
  if (!key) {
    return refused(ErrorCode::bad_csr, "the certificate request is not one of a P-256 key");
  }
  const std::string token_key = kTokenRecords + request.token_id;
  for (int race = 0; race < kMaxRegistryRaces; ++race) {
    const auto stored = store_.get(token_key);
    if (!stored) {
      return refused(ErrorCode::unavailable, "the collector cannot read its tokens right now");
    }
    const auto obstacle = obstacle_of(token_key, *stored, request.token_secret, clock_.wall());
    if (obstacle) {
      return refused(obstacle->code, obstacle->text.c_str());
    }
    Joining joining = join(request, *key, token_key, **stored);
    const auto done = store_.compare_and_apply(token_key, *stored, joining.changes);
    if (!done) {
      return refused(ErrorCode::unavailable, "the collector cannot store the enrolment right now");
    }
    if (*done) {
      note_joined(joining);
      return std::move(joining.enrolled);
    }
    // Somebody else used the token in between.
  }
  return refused(ErrorCode::throttled, "too many machines use this join token at once");
}

Registry::Joining Registry::join(const wire::EnrolRequest& request, const PublicKey& key,
                                 const std::string& token_key, const std::string& token) const {
  const TokenInfo info = token_info(token_key, token);
  const WallTime now = clock_.wall();
  Joining joining;
  joining.token = info.id;
  joining.enrolled.agent = new_uuid();
  joining.enrolled.chain = authority_.issue_agent(key, joining.enrolled.agent);
  RecordText joined;
  joined.set("label", info.label);
  joined.set("token", info.id);
  joined.set("os", request.machine.os);
  joined.set("arch", request.machine.arch);
  joined.set("version", request.machine.agent_version);
  joined.set("machine", to_hex(request.machine.machine_hash));
  joined.set_time("enrolled", now);
  note_certificate(joined, joining.enrolled.chain.front(), now);
  RecordText spent = RecordText::parse(token);
  spent.set_number("uses", info.uses + 1);
  joining.changes = {{token_key, spent.text()},
                     {kAgentRecords + joining.enrolled.agent, joined.text()}};
  if (!request.machine.machine_hash.empty()) {
    replace_machine(to_hex(request.machine.machine_hash), joining);
  }
  return joining;
}

// The same machine again: it was imaged anew, or somebody copied it. Both should be seen.
void Registry::replace_machine(const std::string& machine, Joining& joining) const {
  const std::string machine_key = kMachineRecords + machine;
  const auto before = store_.get(machine_key);
  if (before && *before) {
    joining.known_machine = true;
    const std::string former = kAgentRecords + **before;
    if (const auto old = store_.get(former); old && *old) {
      RecordText replaced = RecordText::parse(**old);
      replaced.set("replaced_by", joining.enrolled.agent);
      joining.changes.push_back({former, replaced.text()});
    }
  }
  joining.changes.push_back({machine_key, joining.enrolled.agent});
}

void Registry::note_joined(const Joining& joining) {
  const std::string& agent = joining.enrolled.agent;
  counters_.counter("enrol_total", "Agents enrolled.").add();
  if (joining.known_machine) {
    counters_.counter("enrol_known_machine_total", "Enrolments of a machine seen before.").add();
    log::warn("enrol.known_machine", {{"agent", agent}});
  }
  log::info("enrol.agent_enrolled", {{"agent", agent}, {"token", joining.token}});
}

Result<std::vector<Certificate>, wire::Error> Registry::renew(const std::string& agent,
                                                              const std::string& csr) {
  if (is_denied(agent)) {
    return refused(wire::ErrorCode::revoked, "this agent was revoked");
  }
  return reissue(agent, csr, Quarantine::as_it_is);
}

Result<std::vector<Certificate>, wire::Error> Registry::let_in(const std::string& agent,
                                                               const std::string& csr) {
  if (const Bar now = bar(agent); now == Bar::revoked || now == Bar::cloned) {
    return refused(wire::ErrorCode::revoked, "this agent was revoked");
  }
  const auto automatic = auto_release();
  if (!automatic) {
    return refused(wire::ErrorCode::unavailable, "the collector cannot read its agents right now");
  }
  auto chain = reissue(agent, csr, *automatic ? Quarantine::end : Quarantine::begin);
  if (chain) {
    counters_
        .counter("enrol_asleep_total", "Agents that came back after the end of their certificate.",
                 {{"quarantined", *automatic ? "no" : "yes"}})
        .add();
    log::warn("enrol.asleep", {{"agent", agent}, {"quarantined", *automatic ? "no" : "yes"}});
  }
  return chain;
}

Result<std::vector<Certificate>, wire::Error> Registry::reissue(const std::string& agent,
                                                                const std::string& csr,
                                                                Quarantine quarantine) {
  using wire::ErrorCode;
  const auto key = PublicKey::from_csr(csr);
  if (!key) {
    return refused(ErrorCode::bad_csr, "the certificate request is not one of a P-256 key");
  }
  std::vector<Certificate> chain;
  // An agent that a restored backup does not know has a good certificate all the same: it is taken
  // in again.
  const auto done = change(agent, [&](RecordText& record) {
    if (record.number("revoked") != 0) {
      return false;
    }
    if (chain.empty()) {
      chain = authority_.issue_agent(*key, agent);
    }
    note_certificate(record, chain.front(), clock_.wall());
    if (quarantine != Quarantine::as_it_is) {
      record.set_number("quarantined", quarantine == Quarantine::begin ? 1 : 0);
    }
    return true;
  });
  if (!done) {
    return refused(ErrorCode::unavailable, "the collector cannot store the renewal right now");
  }
  if (chain.empty()) {
    return refused(ErrorCode::revoked, "this agent was revoked");
  }
  if (quarantine == Quarantine::begin) {
    const std::lock_guard lock(mutex_);
    barred_[agent] = Bar::quarantined;
  } else if (quarantine == Quarantine::end) {
    const std::lock_guard lock(mutex_);
    barred_.erase(agent);
  }
  counters_.counter("enrol_renewed_total", "Certificates renewed.").add();
  return chain;
}

}  // namespace gnomon
