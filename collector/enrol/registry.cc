#include "collector/enrol/registry.h"

#include <array>
#include <optional>
#include <utility>

#include "collector/enrol/registry_records.h"
#include "core/log.h"
#include "core/net/crypto.h"
#include "core/net/join_token.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

constexpr const char* kAutoRelease = "enrol/auto-release";
constexpr std::size_t kTokenIdBytes = 6;

}  // namespace

Result<std::unique_ptr<Registry>, IoError> Registry::open(MetaStore& store,
                                                          const Authority& authority,
                                                          const Clock& clock, Counters& counters) {
  std::unique_ptr<Registry> registry(new Registry(store, authority, clock, counters));
  const auto scanned = store.scan(kAgentRecords, [&](std::string_view key, std::string_view value) {
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
  if (const auto stored = store_.apply({{kTokenRecords + token.id, record.text()}}); !stored) {
    return Failure{stored.error()};
  }
  log::info("enrol.token_created", {{"token", token.id}, {"max_uses", options.max_uses}});
  return NewToken{token.id, to_string(token), now + options.life};
}

Result<std::vector<TokenInfo>, IoError> Registry::tokens() const {
  std::vector<TokenInfo> all;
  const auto scanned =
      store_.scan(kTokenRecords, [&](std::string_view key, std::string_view value) {
        all.push_back(token_info(key, value));
        return true;
      });
  if (!scanned) {
    return Failure{scanned.error()};
  }
  return all;
}

Result<bool, IoError> Registry::revoke_token(const std::string& id) {
  const std::string key = kTokenRecords + id;
  for (int race = 0; race < kMaxRegistryRaces; ++race) {
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

Result<std::vector<AgentInfo>, IoError> Registry::agents() const {
  std::vector<AgentInfo> all;
  const auto scanned =
      store_.scan(kAgentRecords, [&](std::string_view key, std::string_view value) {
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
  const std::string key = kAgentRecords + agent;
  for (int race = 0; race < kMaxRegistryRaces; ++race) {
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
  auto known = change(id, [](RecordText& record) {
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
  auto done = change(id, [&](RecordText& record) {
    released = bar_of(agent_info(kAgentRecords + id, record.text())) == Bar::quarantined;
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
