#include "agent/ceiling.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace gnomon {
namespace {

std::string word(bool flag) {
  return flag ? "yes" : "no";
}

Setting flag_setting(std::string key, std::optional<bool> asked, bool allowed) {
  Setting setting;
  setting.key = std::move(key);
  setting.asked = asked ? word(*asked) : "-";
  setting.allowed = word(allowed);
  setting.in_force = word(allowed && asked.value_or(true));
  setting.why = !asked     ? "set on this machine"
                : !allowed ? "this machine does not allow it"
                : *asked   ? "the policy asks, and this machine allows it"
                           : "the policy asks for less than this machine allows";
  return setting;
}

Setting number_setting(std::string key, unsigned asked, unsigned local, unsigned in_force) {
  Setting setting;
  setting.key = std::move(key);
  setting.asked = asked == 0 ? "-" : std::to_string(asked);
  setting.allowed = std::to_string(local);
  setting.in_force = std::to_string(in_force);
  setting.why = asked == 0          ? "set on this machine"
                : in_force == asked ? "the policy asks, and this machine allows it"
                                    : "this machine does not allow what the policy asks";
  return setting;
}

}  // namespace

Ceiling::Ceiling(const Config& config)
    : users_(config.collect_users),
      programs_(config.collect_programs),
      evidence_(config.collect_evidence),
      unknowns_(config.report_unknowns),
      window_minutes_(config.window_minutes),
      spool_days_(config.spool_days) {}

InForce Ceiling::under(const Policy* policy) const {
  InForce in_force;
  in_force.users = users_;
  in_force.programs = programs_;
  in_force.evidence = evidence_;
  in_force.unknowns = unknowns_;
  in_force.window = std::chrono::minutes{window_minutes_};
  in_force.spool_age = std::chrono::days{spool_days_};
  if (policy == nullptr) {
    return in_force;
  }
  in_force.policy_version = policy->version;
  in_force.users = users_ && policy->collect_users.value_or(true);
  in_force.programs = programs_ && policy->collect_programs.value_or(true);
  in_force.evidence = evidence_ && policy->collect_evidence.value_or(true);
  in_force.unknowns = unknowns_ && policy->report_unknowns.value_or(true);
  // A shorter window tells more of a person's day, a longer spool keeps more of it.
  in_force.window =
      std::chrono::minutes{std::max<unsigned>(window_minutes_, policy->window_minutes)};
  if (policy->spool_days > 0) {
    in_force.spool_age = std::chrono::days{std::min<unsigned>(spool_days_, policy->spool_days)};
  }
  return in_force;
}

std::vector<Setting> Ceiling::explain(const Policy* policy) const {
  const InForce in_force = under(policy);
  const Policy asked = policy == nullptr ? Policy{} : *policy;
  return {flag_setting("collect-users", asked.collect_users, users_),
          flag_setting("collect-programs", asked.collect_programs, programs_),
          flag_setting("collect-evidence", asked.collect_evidence, evidence_),
          flag_setting("report-unknowns", asked.report_unknowns, unknowns_),
          number_setting("window-minutes", asked.window_minutes, window_minutes_,
                         static_cast<unsigned>(in_force.window.count())),
          number_setting("spool-days", asked.spool_days, spool_days_,
                         static_cast<unsigned>(in_force.spool_age.count()))};
}

std::vector<std::string> Ceiling::words(const InForce& in_force) {
  constexpr const char* kAlways =
      "Collected: which catalogued tools, and tools of the company's own, are contacted, in what "
      "role, when and how often. Never: addresses of pages, contents.";
  return {
      kAlways,
      in_force.users ? "Users: by a pseudonym that means nothing outside this machine."
                     : "Users: not collected.",
      in_force.programs ? "Programs: by the name of the program file, never arguments."
                        : "Programs: not collected.",
      in_force.evidence ? "Reasons: sent with each stage, with the catalogued host they rest on."
                        : "Reasons: not sent.",
      in_force.unknowns ? "Hosts outside the catalogue: as keyed tokens; a domain's name only when "
                          "the collector asks because enough devices have it."
                        : "Hosts outside the catalogue: nothing, not even as tokens.",
  };
}

std::string exceeds(const InForce& in_force, const Config& config) {
  Contact contact;
  contact.user = "u";
  contact.program = "p";
  contact.evidence.emplace_back();
  in_force.hold(contact);
  if (!config.collect_users && !contact.user.empty()) {
    return "it would collect users, which this machine forbids";
  }
  if (!config.collect_programs && !contact.program.empty()) {
    return "it would collect programs, which this machine forbids";
  }
  if (!config.collect_evidence && !contact.evidence.empty()) {
    return "it would send reasons, which this machine forbids";
  }
  if (!config.report_unknowns && in_force.unknowns) {
    return "it would report unknown domains, which this machine forbids";
  }
  if (in_force.window < std::chrono::minutes{config.window_minutes} ||
      in_force.window > std::chrono::minutes{kMaxWindowMinutes}) {
    return "its windows are out of bounds";
  }
  if (in_force.spool_age > std::chrono::days{config.spool_days} ||
      in_force.spool_age < std::chrono::days{1}) {
    return "the time it keeps is out of bounds";
  }
  return {};
}

}  // namespace gnomon
