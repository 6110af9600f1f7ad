// Contact: the record both programs talk about, and the words it is made of.
//
// The words (role, audience, stage) are those of docs/words.md; their numbers travel in the wire
// format and in rule packs, so they are never reused.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace gnomon {

// Source says which protocol showed a host name.
enum class Source : std::uint8_t { dns = 1, tls = 2, quic = 3, http = 4 };

// Role is what a contact with a host means.
enum class Role : std::uint8_t {
  unknown = 0,
  site = 1,     // marketing pages: interest
  signup = 2,   // creating an account
  login = 3,    // signing in
  app = 4,      // the product's own screens
  client = 5,   // back end of an installed program
  api = 6,      // integration
  embed = 7,    // script, pixel, widget or beacon on other people's pages: never a use
  content = 8,  // pages that the tool's customers publish
  link = 9,     // mail click trackers, short links
  asset = 10,   // static files, telemetry
  idp = 11,     // identity providers: a hint about the sign-in, never a tool in use
};

// Audience is who reaches a host.
enum class Audience : std::uint8_t { unknown = 0, user = 1, guest = 2, both = 3, visitor = 4 };

// Stage is what is inferred about one device and tool, in the order of growing involvement.
enum class Stage : std::uint8_t {
  none = 0,
  embedded = 1,       // only on other people's pages
  mentioned = 2,      // DNS only
  visited = 3,        // looked at
  guest = 4,          // reached as somebody's guest
  signup_likely = 5,  // a new account is likely
  active = 6,         // came back on another day
  integrated = 7,     // programs use its API
  dormant = 8,        // was active, quiet for 30 days
};

// to_string gives the word used everywhere ("signup-likely"); parse_* is its inverse.
std::string_view to_string(Source source);
std::string_view to_string(Role role);
std::string_view to_string(Audience audience);
std::string_view to_string(Stage stage);
std::optional<Source> parse_source(std::string_view word);
std::optional<Role> parse_role(std::string_view word);
std::optional<Audience> parse_audience(std::string_view word);
std::optional<Stage> parse_stage(std::string_view word);

// Evidence is one line of the reasoning behind a stage, ready to be shown to a person.
struct Evidence {
  WallTime when;
  std::string what;  // short fact in words: "first contact with the sign-in page"
  std::string host;  // catalogued host it rests on; may be empty
  Role role = Role::unknown;

  bool operator==(const Evidence&) const = default;
};

// Contact sums up the sightings of one tool and role by one device (and user, program) in one
// window. It is all that leaves the workstation about traffic.
struct Contact {
  std::string tool;    // tool id of the catalogue, "trello"; never empty
  std::string tenant;  // the customer's own part of the host, empty when none is shown
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  Stage stage = Stage::none;     // of this device (and user) and tool when the window closed
  std::uint16_t confidence = 0;  // of the stage, in thousandths, 0 to 1000
  WallTime window_begin;         // the window's bounds; end is exclusive
  WallTime window_end;
  WallTime first;  // first and last sighting in it
  WallTime last;
  std::uint32_t dns = 0;  // sightings by source
  std::uint32_t tls = 0;
  std::uint32_t quic = 0;
  std::uint32_t http = 0;
  std::uint64_t bytes_up = 0;  // from socket statistics, 0 when the system gives none
  std::uint64_t bytes_down = 0;
  std::string user;     // pseudonym of the user, empty when unknown
  std::string program;  // program name only ("firefox"), never arguments; empty when unknown
  std::uint32_t pack_version = 0;  // version of the rule pack that named it
  std::vector<Evidence> evidence;  // at most kMaxEvidence lines, oldest first

  bool operator==(const Contact&) const = default;
};

// kMaxEvidence bounds the lines a contact carries: enough for every step of a sequence.
constexpr std::size_t kMaxEvidence = 16;

}  // namespace gnomon
