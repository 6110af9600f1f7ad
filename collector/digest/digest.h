// Digest: the week, written to be forwarded.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/query/answer.h"
#include "collector/review/review.h"
#include "collector/unknowns/unknown_list.h"

namespace gnomon {

// kDefaultMinGroup: smaller groups than this are shown as a group. With fewer than three devices,
// who knows the department knows the person.
constexpr std::uint32_t kDefaultMinGroup = 3;

// Devices is a number of devices that is fit to be forwarded. `exact` is absent for small groups.
struct Devices {
  std::optional<std::uint32_t> exact;
  std::string words;  // "5 devices", "1-2 devices"

  bool operator==(const Devices&) const = default;
};

// DigestTool is one tool in one section.
struct DigestTool {
  std::string id;
  std::string name;
  std::string category;
  std::string standing;          // word; "new" when nobody decided
  Devices devices;               // that the section is about
  std::string words;             // what there is to say of it here, one phrase
  std::vector<std::string> why;  // evidence, line by line
  std::optional<int> confidence_percent;

  bool operator==(const DigestTool&) const = default;
};

// DigestLine is one fact with a number in it, in words.
struct DigestLine {
  std::string key;  // stable word for programs: "dropped-packets"
  std::string text;

  bool operator==(const DigestLine&) const = default;
};

// Digest holds no names of people or devices and no small numbers: it may go to everybody.
struct Digest {
  Week week;
  std::string span;  // "16 to 22 November 2026"
  bool complete = false;
  bool first_week = false;
  bool sample = false;
  std::string asked;  // UTC; when it was made
  std::string fresh;  // UTC; receipt of the newest data in it, empty when there is none
  std::uint32_t min_group = kDefaultMinGroup;
  std::string headline;  // the week in one sentence

  std::vector<DigestTool> signups;      // likely sign-ups, with the reasons
  std::vector<DigestTool> fresh_tools;  // new tools that somebody works in
  std::vector<DigestTool> growing;
  std::vector<DigestTool> in_use;        // somebody came back on another day
  std::vector<DigestTool> integrations;  // programs call them
  std::vector<DigestTool> opened;        // looked at, nothing more
  std::vector<DigestTool> trials;
  std::vector<DigestTool> leaving;   // retiring or retired, and still seen
  std::vector<DigestLine> overlaps;  // several tools in use for one job
  std::vector<DigestLine> tenants;   // tools met at others' parts; the key is the tool's id
  std::vector<DigestLine> decided;
  std::vector<DigestLine> answers;  // how long we took
  std::vector<DigestLine> outside;  // domains the catalogue does not know; the key is the domain
  std::vector<DigestLine> blind_spots;
  std::uint32_t embedded_only = 0;   // tools that only sat on pages: counted, never named
  std::uint32_t mentioned_only = 0;  // tools whose name was looked up, no more

  bool operator==(const Digest&) const = default;
};

// Reviewed is what review/ knows, as the digest needs it.
struct Reviewed {
  std::vector<StandingRecord> standings;
  std::vector<StandingRecord> record;
  std::map<std::string, std::string> names;  // of the tools they speak of, by id
};

struct DigestPolicy {
  std::uint32_t min_group = kDefaultMinGroup;
};

// make_digest writes the digest of a week. Pure: the same answers give the same digest.
Digest make_digest(const WeekAnswer& answer, const Reviewed& reviewed, const Calendar& calendar,
                   const DigestPolicy& policy, const UnknownsAnswer& unknowns = {});

// may_be_named tells whether a tenant's name may be shown: the company's own always, another's when
// so many devices met it that it names nobody.
bool may_be_named(const TenantSeen& tenant, std::uint32_t min_group);

// devices_in_words hides groups below `min_group`; none is "no device".
Devices devices_in_words(std::uint32_t count, std::uint32_t min_group);

// The JSON form is the one that is frozen, served and printed with --format json.
std::string digest_json(const Digest& digest);
std::optional<Digest> parse_digest_json(std::string_view text);

}  // namespace gnomon
