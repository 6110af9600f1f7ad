#include "collector/ingest/entry.h"

#include "core/net/net_error.h"

namespace gnomon {

wire::Error error_of(Bar bar) {
  switch (bar) {
    case Bar::quarantined:
      return {wire::ErrorCode::quarantined,
              "this agent was away for too long: an administrator must release it", 0};
    case Bar::cloned:
      return {wire::ErrorCode::cloned,
              "this agent's identity was found on two machines: enrol both of them again", 0};
    case Bar::revoked:
    case Bar::none:
      break;
  }
  return {wire::ErrorCode::revoked, "this agent was revoked", 0};
}

wire::Error expired_error() {
  return {wire::ErrorCode::certificate_expired,
          "the agent's certificate has expired: enrol it again", 0};
}

Entry judge_entry(const std::optional<Certificate>& certificate, const SessionWorld& world) {
  Entry entry;
  const std::string agent = certificate ? certificate->common_name() : std::string{};
  if (agent.empty()) {
    entry.refused = to_string(NetFault::no_certificate);
    return entry;
  }
  // A company's own authority may have certified others than agents.
  if (certificate->uri() != world.authority.agent_uri(agent)) {
    entry.refused = to_string(NetFault::foreign_certificate);
    return entry;
  }
  const WallTime now = world.clock.wall();
  const Bar barred = world.registry.bar(agent);
  entry.certificate_expires = certificate->not_after();
  entry.asleep = now >= entry.certificate_expires;
  if (entry.asleep && now >= entry.certificate_expires + kAsleepAtMost) {
    entry.told = expired_error();
  } else if (barred != Bar::none && !(entry.asleep && barred == Bar::quarantined)) {
    entry.told = error_of(barred);
  }
  if (entry.told) {
    entry.refused = wire::to_string(entry.told->code);
  }
  return entry;
}

}  // namespace gnomon
