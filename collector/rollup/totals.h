// The totals that answers are read from, and how two of them become one.
//
// Every total can be added to another of its kind, and adding is associative, so that the store
// merges operands in any grouping and a rebuild from the batches gives the same bytes. DayTotal,
// ToolDevice and TokenDevice are commutative too. HealthDay and AgentTotal depend on the order
// within one agent, which the store keeps.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/byte_reader.h"
#include "core/contact.h"
#include "core/wire/batch.h"

namespace gnomon {

// SignupTotal is the clearest sign-up seen in a day: the one with the highest confidence.
struct SignupTotal {
  WallTime when;
  std::uint16_t confidence = 0;  // thousandths
  std::string tenant;
  std::vector<Evidence> evidence;

  bool operator==(const SignupTotal&) const = default;
};

// DayTotal sums up one tool on one device on one day.
struct DayTotal {
  Stage stage = Stage::none;                // furthest of the day, see capped_stage()
  std::uint16_t confidence = 0;             // of that stage, thousandths
  std::array<std::uint32_t, 12> by_role{};  // sightings by Role
  std::uint32_t contacts = 0;
  std::uint64_t dns = 0;
  std::uint64_t tls = 0;
  std::uint64_t quic = 0;
  std::uint64_t http = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  WallTime first = WallTime::max();
  WallTime last = WallTime::min();
  std::optional<SignupTotal> signup;
  // Sorted, the first kMaxDayNames in byte order.
  std::vector<std::string> tenants;
  std::vector<std::string> api_programs;  // programs that called an api host

  bool operator==(const DayTotal&) const = default;
};

// kMaxDayNames bounds each list of names in one day's total. Keeping the first ones in byte order
// makes the cut independent of the order in which batches arrive.
constexpr std::size_t kMaxDayNames = 8;

// ToolDevice is the life of one tool on one device: when things first happened.
struct ToolDevice {
  WallTime first_seen = WallTime::max();  // in any role
  WallTime last_seen = WallTime::min();
  WallTime first_used = WallTime::max();  // visited or more; max() when never
  WallTime last_used = WallTime::min();
  WallTime first_signup = WallTime::max();  // a sign-up was likely; max() when never
  WallTime first_active = WallTime::max();
  WallTime first_integrated = WallTime::max();

  bool operator==(const ToolDevice&) const = default;
};

// HealthDay sums up what one agent could see in one day. Reports count since the agent's start, so
// what lies between two of them is their difference, or the later one when the agent started anew.
struct HealthDay {
  std::uint32_t reports = 0;
  Health first;
  Health last;
  Health grown;  // numbers only: what was added between `first` and `last`

  bool operator==(const HealthDay&) const = default;
};

// AgentTotal is what the collector knows of one agent from its batches.
struct AgentTotal {
  WallTime first_received = WallTime::max();
  WallTime last_received = WallTime::min();
  std::int64_t clock_ahead_ns = 0;  // of the last batch: how far sealing lay after receipt, or 0
  std::uint64_t batches = 0;
  std::uint64_t refused = 0;
  std::uint64_t contacts = 0;
  std::uint64_t gaps = 0;
  std::uint64_t contacts_lost = 0;  // declared in gaps
  std::optional<Health> health;     // the latest

  bool operator==(const AgentTotal&) const = default;
};

// TokenId names a token of a domain outside the catalogue: nobody here can read it.
struct TokenId {
  std::uint32_t epoch = 0;  // of the key
  UnknownToken token{};

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes a defaulted comparison for a zero
  auto operator<=>(const TokenId&) const = default;
};

// epoch_at is the epoch of the tokens' key at a moment: year * 4 + quarter, in UTC. A domain's
// tokens of two quarters have nothing in common.
std::uint32_t epoch_at(WallTime when);

// TokenDevice is one such token on one device. Telling it again changes nothing: what is counted is
// devices, and days between the first and the last.
struct TokenDevice {
  std::uint32_t first_day = UINT32_MAX;  // days since 1970, as the device counts them (UTC)
  std::uint32_t last_day = 0;

  bool operator==(const TokenDevice&) const = default;
};

// capped_stage is the stage a contact may stand for. Embeds, assets, links and identity providers
// never make a use, and published content makes a guest at most, whatever the agent inferred.
Stage capped_stage(const Contact& contact);

// involvement orders stages: dormant, which is no contact at all, comes before every other.
int involvement(Stage stage);
bool is_use(Stage stage);  // visited, guest, signup-likely, active or integrated

// day_total and tool_device give the total of one contact.
DayTotal day_total(const Contact& contact);
ToolDevice tool_device(const Contact& contact);
HealthDay health_day(const Health& health);
TokenDevice token_device(const TokenReport& report);

// add puts `later` behind `into`.
void add(DayTotal& into, const DayTotal& later);
void add(ToolDevice& into, const ToolDevice& later);
void add(HealthDay& into, const HealthDay& later);
void add(AgentTotal& into, const AgentTotal& later);
void add(TokenDevice& into, const TokenDevice& later);

// The same with one contact's total, without making it first: contacts are many.
void add(DayTotal& into, const Contact& later);
void add(ToolDevice& into, const Contact& later);

// grown_between is what `later` counts that `earlier` did not, for two reports of one agent.
Health grown_between(const Health& earlier, const Health& later);

// The form on disk: store/FORMAT.md. decode_* yield nullopt for bytes that encode() did not write.
std::string encode(const DayTotal& total);
std::string encode(const ToolDevice& total);
std::string encode(const HealthDay& total);
std::string encode(const AgentTotal& total);
std::string encode(const Gap& gap);
std::string encode(const TokenDevice& total);
std::optional<DayTotal> decode_day_total(Bytes bytes);
std::optional<ToolDevice> decode_tool_device(Bytes bytes);
std::optional<HealthDay> decode_health_day(Bytes bytes);
std::optional<AgentTotal> decode_agent_total(Bytes bytes);
std::optional<Gap> decode_gap(Bytes bytes);
std::optional<TokenDevice> decode_token_device(Bytes bytes);

}  // namespace gnomon
