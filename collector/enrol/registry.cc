#include "collector/enrol/registry.h"

#include <array>
#include <optional>
#include <utility>

#include "core/log.h"
#include "core/net/crypto.h"
#include "core/net/join_token.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

constexpr const char* kTokens = "enrol/token/";
constexpr const char* kAgents = "enrol/agent/";
constexpr const char* kMachines = "enrol/machine/";
constexpr const char* kAutoRelease = "enrol/auto-release";
constexpr std::size_t kTokenIdBytes = 6;

// How often a token is read again because somebody else used it in between.
constexpr int kMaxRaces = 16;

TokenInfo token_info(std::string_view key, std::string_view value) {
  const RecordText record = RecordText::parse(value);
  TokenInfo info;
  info.id = key.substr(std::string_view{kTokens}.size());
  info.label = record.get("label");
  info.created = record.time("created");
  info.expires = record.time("expires");
  info.max_uses = static_cast<std::uint32_t>(record.number("max_uses"));
  info.uses = static_cast<std::uint32_t>(record.number("uses"));
  info.revoked = record.number("revoked") != 0;
  return info;
}

AgentInfo agent_info(std::string_view key, std::string_view value) {
  const RecordText record = RecordText::parse(value);
  AgentInfo info;
  info.id = key.substr(std::string_view{kAgents}.size());
  info.label = record.get("label");
  info.os = record.get("os");
  info.arch = record.get("arch");
  info.version = record.get("version");
  info.enrolled = record.time("enrolled");
  info.renewed = record.time("renewed");
  info.certificate_expires = record.time("certificate_expires");
  info.serial = record.get("serial");
  info.replaced_by = record.get("replaced_by");
  info.machine = record.get("machine");
  info.revoked = record.number("revoked") != 0;
  info.quarantined = record.number("quarantined") != 0;
  info.cloned = record.get("cloned");
  return info;
}

Bar bar_of(const AgentInfo& info) {
  return info.revoked           ? Bar::revoked
         : !info.cloned.empty() ? Bar::cloned
         : info.quarantined     ? Bar::quarantined
                                : Bar::none;
}

void note_certificate(RecordText& record, const Certificate& certificate, WallTime now) {
  record.set_time("renewed", now);
  record.set_time("certificate_expires", certificate.not_after());
  record.set("serial", certificate.serial());
}

}  // namespace

Result<std::unique_ptr<Registry>, IoError> Registry::open(MetaStore& store,
                                                          const Authority& authority,
                                                          const Clock& clock, Counters& counters) {
  std::unique_ptr<Registry> registry(new Registry(store, authority, clock, counters));
  const auto scanned = store.scan(kAgents, [&](std::string_view key, std::string_view value) {
    const AgentInfo info = agent_info(key, value);
    if (const Bar bar = bar_of(info); bar != Bar::none) {
      registry->barred_[info.id] = bar;
    }
    return true;
  });
  if (!scanned) {
    return Failure{scanned.error()};
  }
  return registry;
}

Failure<wire::Error> Registry::refused(wire::ErrorCode code, const char* text) {
  counters_
      .counter("enrol_refused_total", "Enrolments and renewals refused.",
               {{"reason", wire::to_string(code)}})
      .add();
  return Failure{wire::Error{code, text, 0}};
}

Result<NewToken, IoError> Registry::create_token(const TokenOptions& options) {
  JoinToken token;
  token.id = to_hex(random_bytes(kTokenIdBytes));
  token.secret = random_bytes(wire::kTokenSecretBytes);
  token.root_key_sha256 = authority_.root().key_sha256();
  const WallTime now = clock_.wall();
  RecordText record;
  record.set("label", options.label);
  record.set("secret_sha256", to_hex(sha256_text(token.secret)));
  record.set_time("created", now);
  record.set_time("expires", now + options.life);
  record.set_number("max_uses", options.max_uses);
  record.set_number("uses", 0);
  if (const auto stored = store_.apply({{kTokens + token.id, record.text()}}); !stored) {
    return Failure{stored.error()};
  }
  log::info("enrol.token_created", {{"token", token.id}, {"max_uses", options.max_uses}});
  return NewToken{token.id, to_string(token), now + options.life};
}

Result<std::vector<TokenInfo>, IoError> Registry::tokens() const {
  std::vector<TokenInfo> all;
  const auto scanned = store_.scan(kTokens, [&](std::string_view key, std::string_view value) {
    all.push_back(token_info(key, value));
    return true;
  });
  if (!scanned) {
    return Failure{scanned.error()};
  }
  return all;
}

Result<bool, IoError> Registry::revoke_token(const std::string& id) {
  const std::string key = kTokens + id;
  for (int race = 0; race < kMaxRaces; ++race) {
    const auto stored = store_.get(key);
    if (!stored) {
      return Failure{stored.error()};
    }
    if (!*stored) {
      return false;
    }
    RecordText record = RecordText::parse(**stored);
    record.set_number("revoked", 1);
    const auto done = store_.compare_and_apply(key, *stored, {{key, record.text()}});
    if (!done) {
      return Failure{done.error()};
    }
    if (*done) {
      log::info("enrol.token_revoked", {{"token", id}});
      return true;
    }
  }
  return Failure{IoError{"revoke", id, std::make_error_code(std::errc::device_or_resource_busy)}};
}

Result<Enrolled, wire::Error> Registry::enrol(const wire::EnrolRequest& request) {
  using wire::ErrorCode;
  const auto key = PublicKey::from_csr(request.csr);
  if (!key) {
    return refused(ErrorCode::bad_csr, "the certificate request is not one of a P-256 key");
  }
  const std::string token_key = kTokens + request.token_id;
  for (int race = 0; race < kMaxRaces; ++race) {
    const auto stored = store_.get(token_key);
    if (!stored) {
      return refused(ErrorCode::unavailable, "the collector cannot read its tokens right now");
    }
    RecordText record = RecordText::parse(stored->value_or(""));
    // An unknown token costs the same time as a wrong secret, and gets the same answer.
    const bool right = equal_in_constant_time(record.get("secret_sha256"),
                                              to_hex(sha256_text(request.token_secret)));
    if (!*stored || !right) {
      return refused(ErrorCode::token_unknown, "the join token is not known to this collector");
    }
    const TokenInfo info = token_info(token_key, **stored);
    if (info.revoked) {
      return refused(ErrorCode::token_revoked, "the join token was revoked");
    }
    if (clock_.wall() >= info.expires) {
      return refused(ErrorCode::token_expired, "the join token has expired");
    }
    if (info.uses >= info.max_uses) {
      return refused(ErrorCode::token_used_up, "the join token was used as often as it may be");
    }
    const std::string agent = new_uuid();
    std::vector<Certificate> chain = authority_.issue_agent(*key, agent);
    const WallTime now = clock_.wall();
    RecordText joined;
    joined.set("label", info.label);
    joined.set("token", info.id);
    joined.set("os", request.machine.os);
    joined.set("arch", request.machine.arch);
    joined.set("version", request.machine.agent_version);
    joined.set("machine", to_hex(request.machine.machine_hash));
    joined.set_time("enrolled", now);
    note_certificate(joined, chain.front(), now);
    record.set_number("uses", info.uses + 1);
    std::vector<MetaChange> changes = {{token_key, record.text()},
                                       {kAgents + agent, joined.text()}};
    bool known_machine = false;
    if (!request.machine.machine_hash.empty()) {
      // The same machine again: it was imaged anew, or somebody copied it. Both should be seen.
      const std::string machine_key = kMachines + to_hex(request.machine.machine_hash);
      const auto before = store_.get(machine_key);
      if (before && *before) {
        known_machine = true;
        const auto old = store_.get(kAgents + **before);
        if (old && *old) {
          RecordText replaced = RecordText::parse(**old);
          replaced.set("replaced_by", agent);
          changes.push_back({kAgents + **before, replaced.text()});
        }
      }
      changes.push_back({machine_key, agent});
    }
    const auto done = store_.compare_and_apply(token_key, *stored, changes);
    if (!done) {
      return refused(ErrorCode::unavailable, "the collector cannot store the enrolment right now");
    }
    if (!*done) {
      continue;  // somebody else used the token in between
    }
    counters_.counter("enrol_total", "Agents enrolled.").add();
    if (known_machine) {
      counters_.counter("enrol_known_machine_total", "Enrolments of a machine seen before.").add();
      log::warn("enrol.known_machine", {{"agent", agent}});
    }
    log::info("enrol.agent_enrolled", {{"agent", agent}, {"token", info.id}});
    return Enrolled{agent, std::move(chain)};
  }
  return refused(ErrorCode::throttled, "too many machines use this join token at once");
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

Result<std::vector<AgentInfo>, IoError> Registry::agents() const {
  std::vector<AgentInfo> all;
  const auto scanned = store_.scan(kAgents, [&](std::string_view key, std::string_view value) {
    all.push_back(agent_info(key, value));
    return true;
  });
  if (!scanned) {
    return Failure{scanned.error()};
  }
  return all;
}

Result<std::set<std::string>, IoError> Registry::not_counted() const {
  const auto all = agents();
  if (!all) {
    return Failure{all.error()};
  }
  std::set<std::string> ids;
  for (const AgentInfo& agent : *all) {
    if (agent.revoked || !agent.replaced_by.empty()) {
      ids.insert(agent.id);
    }
  }
  return ids;
}

Result<bool, IoError> Registry::change(const std::string& agent,
                                       const std::function<bool(RecordText&)>& edit) {
  const std::string key = kAgents + agent;
  for (int race = 0; race < kMaxRaces; ++race) {
    const auto stored = store_.get(key);
    if (!stored) {
      return Failure{stored.error()};
    }
    RecordText record = RecordText::parse(stored->value_or(""));
    if (!edit(record)) {
      return stored->has_value();
    }
    const auto done = store_.compare_and_apply(key, *stored, {{key, record.text()}});
    if (!done) {
      return Failure{done.error()};
    }
    if (*done) {
      return stored->has_value();
    }
  }
  return Failure{
      IoError{"change", agent, std::make_error_code(std::errc::device_or_resource_busy)}};
}

Result<bool, IoError> Registry::revoke_agent(const std::string& id) {
  const auto known = change(id, [](RecordText& record) {
    record.set_number("revoked", 1);
    return true;
  });
  if (!known) {
    return known;
  }
  {
    const std::lock_guard lock(mutex_);
    barred_[id] = Bar::revoked;
  }
  log::info("enrol.agent_revoked", {{"agent", id}});
  if (on_barred_) {
    on_barred_(id);
  }
  return known;
}

Result<bool, IoError> Registry::release_agent(const std::string& id) {
  bool released = false;
  const auto done = change(id, [&](RecordText& record) {
    released = bar_of(agent_info(kAgents + id, record.text())) == Bar::quarantined;
    record.set_number("quarantined", 0);
    return released;
  });
  if (!done) {
    return done;
  }
  if (released) {
    const std::lock_guard lock(mutex_);
    barred_.erase(id);
  }
  if (released) {
    log::info("enrol.agent_released", {{"agent", id}});
  }
  return released;
}

Result<bool, IoError> Registry::auto_release() const {
  const auto stored = store_.get(kAutoRelease);
  if (!stored) {
    return Failure{stored.error()};
  }
  return stored->value_or("") == "yes";
}

Result<Ok, IoError> Registry::set_auto_release(bool on) {
  auto stored = store_.apply({{kAutoRelease, on ? "yes" : "no"}});
  if (stored) {
    log::info("enrol.auto_release_set", {{"on", on ? "yes" : "no"}});
  }
  return stored;
}

Result<Bar, IoError> Registry::greeted(const std::string& agent, const std::string& machine,
                                       const std::string& run) {
  if (const Bar now = bar(agent); now != Bar::none) {
    return now;
  }
  std::string why;
  {
    const std::lock_guard lock(mutex_);
    why = clones_.is_clone(agent, run) ? "two-places" : "";
  }
  const std::string hash = to_hex(machine);
  const auto looked = change(agent, [&](RecordText& record) {
    const std::string known = record.get("machine");
    if (!hash.empty() && !known.empty() && known != hash) {
      why = "machine-changed";
    }
    if (why.empty() && (hash.empty() || known == hash)) {
      return false;
    }
    if (why.empty()) {
      record.set("machine", hash);
    } else {
      record.set("cloned", why);
      record.set_time("cloned_at", clock_.wall());
    }
    return true;
  });
  if (!looked) {
    return Failure{looked.error()};
  }
  if (why.empty()) {
    return Bar::none;
  }
  {
    const std::lock_guard lock(mutex_);
    barred_[agent] = Bar::cloned;
    clones_.forget(agent);
  }
  counters_.counter("enrol_clones_total", "Identities found in use twice.", {{"why", why}}).add();
  log::warn("enrol.clone_noticed", {{"agent", agent}, {"why", why}});
  if (on_barred_) {
    on_barred_(agent);
  }
  return Bar::cloned;
}

Bar Registry::bar(const std::string& agent) const {
  const std::lock_guard lock(mutex_);
  const auto found = barred_.find(agent);
  return found == barred_.end() ? Bar::none : found->second;
}

std::string_view to_string(Bar bar) {
  constexpr std::array<std::string_view, 4> kWords{"none", "revoked", "quarantined", "cloned"};
  return kWords.at(static_cast<std::size_t>(bar));
}

}  // namespace gnomon
