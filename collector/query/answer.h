// Answers: what pages, digests and the API are made of. Plain values, no HTTP, no protobuf.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/rollup/calendar.h"
#include "core/contact.h"
#include "core/wire/batch.h"

namespace gnomon {

// ToolName is what the catalogue says of a tool; an unknown one is called by its id.
struct ToolName {
  std::string id;
  std::string name;
  std::string category;  // label: "Project management"; empty when unknown
  std::string vendor;
  std::string homepage;
  std::vector<std::string> jobs;  // labels
  bool known = false;
  bool sanctioned = false;  // approved by the company's own overlay of the catalogue
};

// SignupFact is the clearest of one tool's likely sign-ups in a week.
struct SignupFact {
  std::uint32_t devices = 0;  // on so many a sign-up was first likely in this week
  Day day;
  std::uint16_t confidence = 0;    // thousandths
  std::vector<Evidence> evidence;  // hosts that show a tenant are left out
};

// TenantSeen is a customer's part of a tool, and whose it is by the company's own rules.
struct TenantSeen {
  enum class Whose : std::uint8_t { unknown, own, foreign };  // as TenantOwner of core/catalog
  std::string name;
  Whose whose = Whose::unknown;
  std::uint32_t devices = 0;  // that met it in the week
  // Not met in the weeks before that the history tells, although the tool was used before.
  bool is_new = false;
};

// kHistoryWeeks is how far back a tool's adoption is told, the asked week included.
constexpr std::size_t kHistoryWeeks = 8;

// ToolWeek is one tool in one week. A device counts in the furthest stage it reached in the week.
struct ToolWeek {
  ToolName tool;
  std::array<std::uint32_t, 9> devices_by_stage{};     // by Stage
  std::uint32_t devices = 0;                           // that used it: visited or more
  std::uint32_t devices_before = 0;                    // the same, in the week before
  std::uint32_t devices_ever = 0;                      // up to the end of the week
  std::array<std::uint32_t, kHistoryWeeks> history{};  // devices that used it; the week itself last
  bool is_new = false;                                 // first used in this week
  WallTime first_seen;
  WallTime last_seen;  // of all time, also after the week
  std::optional<WallTime> first_used;
  std::optional<SignupFact> signup;
  std::vector<TenantSeen> tenants;        // by name, at most kMaxDayNames
  std::vector<std::string> api_programs;  // the same

  std::uint32_t in_stage(Stage stage) const {
    return devices_by_stage[static_cast<std::size_t>(stage)];
  }
};

// GapSum is what agents declared lost, by reason.
struct GapSum {
  std::string reason;
  std::uint32_t times = 0;
  std::uint64_t contacts = 0;  // as far as known
};

// Coverage is what could and could not be seen in a week.
struct Coverage {
  std::uint32_t agents_known = 0;      // first heard of before the week's end, or telling of it
  std::uint32_t agents_reporting = 0;  // sent a health report from within the week
  std::uint32_t agents_silent = 0;     // known, but quiet for three days or more at the week's end
  std::uint32_t agents_blind = 0;      // reporting, with less than 90 % readable
  Health grown;                        // numbers only: counted in the week by all agents
  std::vector<GapSum> gaps;            // by reason
  std::optional<double> readable;      // share of connections whose name could be read; 0 to 1
};

// WeekAnswer is all of a week. Tools are ordered by devices, then by name.
struct WeekAnswer {
  Week week;
  bool complete = false;    // the week is over
  bool first_week = false;  // the collector's own first: everything looks new in it
  bool sample = false;
  WallTime asked;                 // when it was read
  std::optional<WallTime> fresh;  // receipt of the newest batch; nullopt when there is none
  std::vector<ToolWeek> tools;
  Coverage coverage;
};

// kLostDays is how far back losses are told agent by agent; older ones stand in the digests.
constexpr int kLostDays = 28;

// AgentRow is one agent. Ids are pseudonyms: random, given at enrolment.
struct AgentRow {
  std::string id;
  WallTime first_received;
  WallTime last_received;
  bool silent = false;  // nothing for three days
  std::string version;
  std::uint32_t pack_version = 0;
  std::uint64_t batches = 0;
  std::uint64_t refused = 0;
  std::uint64_t contacts = 0;
  std::uint64_t gaps = 0;
  std::uint64_t contacts_lost = 0;
  std::vector<GapSum> lost;  // of the last kLostDays, by reason
  std::int64_t clock_ahead_s = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t spool_bytes = 0;
  std::vector<std::string> notes;  // degraded modes, in words
  std::optional<double> readable;  // share of connections whose name could be read; since its start
};

struct AgentsAnswer {
  WallTime asked;
  std::optional<WallTime> fresh;
  bool sample = false;
  std::vector<AgentRow> agents;  // by id
};

}  // namespace gnomon
