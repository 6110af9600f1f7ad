#include "collector/rollup/totals.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

namespace gnomon {
namespace {

// The counters of a health report that only grow while the agent runs.
constexpr std::array<std::uint64_t Health::*, 8> kGrowing{
    &Health::packets,  &Health::dropped,       &Health::hellos,        &Health::hellos_incomplete,
    &Health::ech_real, &Health::encrypted_dns, &Health::flows_evicted, &Health::cpu_ms};

bool clearer(const SignupTotal& one, const SignupTotal& other) {
  if (one.confidence != other.confidence) {
    return one.confidence > other.confidence;
  }
  if (one.when != other.when) {
    return one.when < other.when;
  }
  if (one.evidence.size() != other.evidence.size()) {
    return one.evidence.size() > other.evidence.size();
  }
  // The same moment twice: any fixed order will do, it must only not depend on arrival.
  const auto line = [](const Evidence& e) { return std::tie(e.when, e.what, e.host, e.role); };
  return std::lexicographical_compare(
             one.evidence.begin(), one.evidence.end(), other.evidence.begin(), other.evidence.end(),
             [&](const Evidence& a, const Evidence& b) { return line(a) < line(b); }) ||
         (one.evidence == other.evidence && one.tenant < other.tenant);
}

void add_name(std::vector<std::string>& into, const std::string& name) {
  if (name.empty()) {
    return;
  }
  const auto place = std::lower_bound(into.begin(), into.end(), name);
  if (place != into.end() && *place == name) {
    return;
  }
  into.insert(place, name);
  if (into.size() > kMaxDayNames) {
    into.pop_back();
  }
}

void add_names(std::vector<std::string>& into, const std::vector<std::string>& more) {
  if (more.empty()) {
    return;
  }
  std::vector<std::string> both;
  both.reserve(into.size() + more.size());
  std::set_union(into.begin(), into.end(), more.begin(), more.end(), std::back_inserter(both));
  if (both.size() > kMaxDayNames) {
    both.resize(kMaxDayNames);
  }
  into = std::move(both);
}

void add_stage(DayTotal& into, Stage stage, std::uint16_t confidence) {
  if (involvement(stage) > involvement(into.stage)) {
    into.stage = stage;
    into.confidence = confidence;
  } else if (stage == into.stage) {
    into.confidence = std::max(into.confidence, confidence);
  }
}

void add_signup(DayTotal& into, SignupTotal later) {
  if (!into.signup || clearer(later, *into.signup)) {
    into.signup = std::move(later);
  }
}

}  // namespace

Stage capped_stage(const Contact& contact) {
  switch (contact.role) {
    case Role::unknown:
    case Role::embed:
    case Role::link:
    case Role::asset:
    case Role::idp:
      return contact.stage == Stage::none ? Stage::none : Stage::embedded;
    case Role::content:
      return involvement(contact.stage) > involvement(Stage::guest) ? Stage::guest : contact.stage;
    case Role::site:
    case Role::signup:
    case Role::login:
    case Role::app:
    case Role::client:
    case Role::api:
      return contact.stage;
  }
  return Stage::none;
}

int involvement(Stage stage) {
  return stage == Stage::dormant ? -1 : static_cast<int>(stage);
}

bool is_use(Stage stage) {
  return involvement(stage) >= involvement(Stage::visited);
}

DayTotal day_total(const Contact& contact) {
  DayTotal total;
  total.stage = capped_stage(contact);
  total.confidence = total.stage == contact.stage ? contact.confidence : std::uint16_t{0};
  total.by_role[static_cast<std::size_t>(contact.role)] =
      contact.dns + contact.tls + contact.quic + contact.http;
  total.contacts = 1;
  total.dns = contact.dns;
  total.tls = contact.tls;
  total.quic = contact.quic;
  total.http = contact.http;
  total.bytes_up = contact.bytes_up;
  total.bytes_down = contact.bytes_down;
  total.first = contact.first;
  total.last = contact.last;
  if (total.stage == Stage::signup_likely) {
    total.signup = SignupTotal{contact.first, contact.confidence, contact.tenant, contact.evidence};
  }
  if (!contact.tenant.empty()) {
    total.tenants.push_back(contact.tenant);
  }
  if (contact.role == Role::api && !contact.program.empty()) {
    total.api_programs.push_back(contact.program);
  }
  return total;
}

ToolDevice tool_device(const Contact& contact) {
  ToolDevice life;
  life.first_seen = contact.first;
  life.last_seen = contact.last;
  const Stage stage = capped_stage(contact);
  if (is_use(stage)) {
    life.first_used = contact.first;
    life.last_used = contact.last;
  }
  if (stage == Stage::signup_likely) {
    life.first_signup = contact.first;
  }
  if (stage == Stage::active) {
    life.first_active = contact.first;
  }
  if (stage == Stage::integrated) {
    life.first_integrated = contact.first;
  }
  return life;
}

HealthDay health_day(const Health& health) {
  HealthDay day;
  day.reports = 1;
  day.first = health;
  day.last = health;
  return day;
}

void add(DayTotal& into, const DayTotal& later) {
  add_stage(into, later.stage, later.confidence);
  for (std::size_t i = 0; i < into.by_role.size(); ++i) {
    into.by_role[i] += later.by_role[i];
  }
  into.contacts += later.contacts;
  into.dns += later.dns;
  into.tls += later.tls;
  into.quic += later.quic;
  into.http += later.http;
  into.bytes_up += later.bytes_up;
  into.bytes_down += later.bytes_down;
  into.first = std::min(into.first, later.first);
  into.last = std::max(into.last, later.last);
  if (later.signup) {
    add_signup(into, *later.signup);
  }
  add_names(into.tenants, later.tenants);
  add_names(into.api_programs, later.api_programs);
}

void add(ToolDevice& into, const ToolDevice& later) {
  into.first_seen = std::min(into.first_seen, later.first_seen);
  into.last_seen = std::max(into.last_seen, later.last_seen);
  into.first_used = std::min(into.first_used, later.first_used);
  into.last_used = std::max(into.last_used, later.last_used);
  into.first_signup = std::min(into.first_signup, later.first_signup);
  into.first_active = std::min(into.first_active, later.first_active);
  into.first_integrated = std::min(into.first_integrated, later.first_integrated);
}

void add(DayTotal& into, const Contact& later) {
  const Stage stage = capped_stage(later);
  add_stage(into, stage, stage == later.stage ? later.confidence : std::uint16_t{0});
  into.by_role.at(static_cast<std::size_t>(later.role)) +=
      later.dns + later.tls + later.quic + later.http;
  into.contacts += 1;
  into.dns += later.dns;
  into.tls += later.tls;
  into.quic += later.quic;
  into.http += later.http;
  into.bytes_up += later.bytes_up;
  into.bytes_down += later.bytes_down;
  into.first = std::min(into.first, later.first);
  into.last = std::max(into.last, later.last);
  if (stage == Stage::signup_likely) {
    add_signup(into, SignupTotal{later.first, later.confidence, later.tenant, later.evidence});
  }
  add_name(into.tenants, later.tenant);
  if (later.role == Role::api) {
    add_name(into.api_programs, later.program);
  }
}

void add(ToolDevice& into, const Contact& later) {
  add(into, tool_device(later));
}

Health grown_between(const Health& earlier, const Health& later) {
  // A counter that went back means that the agent started anew: all of `later` is new.
  const bool restarted = std::any_of(kGrowing.begin(), kGrowing.end(),
                                     [&](auto field) { return later.*field < earlier.*field; });
  Health grown;
  for (const auto field : kGrowing) {
    grown.*field = later.*field - (restarted ? 0 : earlier.*field);
  }
  return grown;
}

void add(HealthDay& into, const HealthDay& later) {
  if (later.reports == 0) {
    return;
  }
  if (into.reports == 0) {
    into = later;
    return;
  }
  const Health between = grown_between(into.last, later.first);
  for (const auto field : kGrowing) {
    into.grown.*field += between.*field + later.grown.*field;
  }
  into.last = later.last;
  into.reports += later.reports;
}

std::uint32_t epoch_at(WallTime when) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(when)};
  const auto quarter = (static_cast<unsigned>(day.month()) - 1) / 3;
  return static_cast<std::uint32_t>(static_cast<int>(day.year())) * 4 + quarter;
}

TokenDevice token_device(const TokenReport& report) {
  return {report.first_day, report.last_day};
}

void add(TokenDevice& into, const TokenDevice& later) {
  into.first_day = std::min(into.first_day, later.first_day);
  into.last_day = std::max(into.last_day, later.last_day);
}

void add(AgentTotal& into, const AgentTotal& later) {
  into.first_received = std::min(into.first_received, later.first_received);
  if (later.last_received >= into.last_received) {
    into.last_received = later.last_received;
    into.clock_ahead_ns = later.clock_ahead_ns;
  }
  into.batches += later.batches;
  into.refused += later.refused;
  into.contacts += later.contacts;
  into.gaps += later.gaps;
  into.contacts_lost += later.contacts_lost;
  if (later.health) {
    into.health = later.health;
  }
}

}  // namespace gnomon
