// The evidence room: from matches to contacts, with a stage, its reasons and a confidence.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/evidence/bursts.h"
#include "agent/evidence/model.h"
#include "agent/evidence/sequences.h"
#include "agent/evidence/sign_ins.h"
#include "agent/evidence/tool_state.h"
#include "agent/evidence/windows.h"
#include "agent/match/match.h"
#include "core/catalog/rule_pack.h"
#include "core/contact.h"
#include "core/counters.h"
#include "core/result.h"

namespace gnomon {

struct EvidenceOptions {
  WindowLimits windows;
  // What is met within this time after the first sighting counts as known before, so that a new
  // laptop is not a flood of new tools. Zero switches learning off (`gnomon analyze`).
  std::chrono::seconds learning{0};
  std::size_t max_states = 4096;  // (user, tool) pairs remembered; the longest silent goes first
  // Names the user of a process for contacts: a pseudonym, or nothing. Called on the capture
  // thread, once a match.
  std::function<std::string(const Process&)> user_name;
};

// ContactSink takes finished contacts.
class ContactSink {
 public:
  ContactSink() = default;
  ContactSink(const ContactSink&) = delete;
  ContactSink& operator=(const ContactSink&) = delete;
  virtual ~ContactSink() = default;

  virtual void on_contact(Contact contact) = 0;
};

// Judgement is the present view of one user and tool, for `gnomon analyze` and `explain`.
struct Judgement {
  std::string user;
  std::string tool;
  Verdict verdict;
  double signup_probability = 0;
  Features features;  // what the probability was drawn from
  std::array<std::uint32_t, ToolState::kRoles> by_role{};
  std::vector<std::string> tenants;
  WallTime first;
  WallTime last;
  std::vector<Evidence> evidence;
};

enum class StateFault : std::uint8_t { not_a_state, damaged, newer_format };

// EvidenceRoom runs on the capture thread. It never asks the clock: time comes with the matches,
// and from advance() when nothing comes. `counters` and `sink` must outlive it.
//
// Raw sightings stay in it; what leaves is contacts with catalogued tools.
class EvidenceRoom {
 public:
  EvidenceRoom(std::shared_ptr<const RulePack> pack, EvidenceOptions options, Counters& counters,
               ContactSink& sink);

  // add takes one match. Matches come in the order of their time, give or take a second. It yields
  // the burst the match fell into; a name that was only looked up is in none (number 0).
  BurstView add(const Match& match);

  // set_known_before names tools that were in use here before the catalogue knew them: their users
  // are not met for the first time. It counts for whom the room has not met yet.
  void set_known_before(const std::vector<std::string>& tools);

  // advance lets time pass without traffic: windows close, weak leaders are settled.
  void advance(WallTime now);

  // finish closes every window: the end of a capture, or of the program.
  void finish();

  // set_pack changes the catalogue; open windows and states live on, by tool id.
  void set_pack(std::shared_ptr<const RulePack> pack);

  // set_window changes the time that one contact covers, for windows that open from now on.
  void set_window(std::chrono::seconds length) { windows_.set_length(length); }

  // judgements in the order of user and tool, as of the last sighting or advance().
  std::vector<Judgement> judgements() const;

  // save and load carry the states across restarts (see FORMAT.md). load replaces what is there.
  std::vector<std::uint8_t> save() const;
  Result<Ok, StateFault> load(Bytes bytes);

  WallTime next_due() const { return windows_.next_due(); }

 private:
  // Key of a state: user, then tool id.
  using StateKey = std::pair<std::string, std::string>;

  struct Pending {
    StateKey key;
    std::string user;
    std::uint32_t burst = 0;
    WallTime due;
    std::optional<WallTime> page;      // a page that may be one of the product's screens
    std::optional<WallTime> provider;  // a provider that was opened from its form
  };

  BurstView place(const Match& match, const std::string& user);
  void add_tool(const Match& match, const std::string& user, BurstView burst);
  Step step_of(const Match& match, BurstView burst) const;
  void count_blind_spots(const Match& match);
  Brings brings_of(const Match& match) const;
  void expect_screen(const StateKey& key, std::uint32_t burst, WallTime when);
  void follow_hidden(const Match& match, const std::string& user, BurstView burst);
  void follow_sequences(const Match& match, const std::string& user);
  void read_pack();
  void settle_pending(WallTime now);
  void emit(std::vector<Contact> contacts);
  ToolState& state_of(const StateKey& key);
  SignIn before_of(const std::string& user, ToolIndex tool) const;
  std::string_view family_id(std::optional<ToolIndex> family) const;

  // What is asked of the pack at every match, read once: ToolView allocates.
  struct ToolFacts {
    std::string_view id;
    std::optional<ToolIndex> family;
    bool message = false;             // made for mail or chat: its pages lead to others by links
    Brings brings = Brings::nothing;  // what its embeds say of the page that loads them
  };
  std::shared_ptr<const RulePack> pack_;
  std::vector<ToolFacts> tools_;
  EvidenceOptions options_;
  Model model_;
  ContactSink& sink_;

  Counter& matches_;
  Counter& unattributed_;
  Counter& contacts_;
  Counter& states_forgotten_;
  Counter& blind_encrypted_dns_;
  Counter& blind_ech_;
  Counter& blind_relay_;

  Bursts bursts_;
  SignIns sign_ins_;
  Sequences sequences_;
  Windows windows_;
  std::map<StateKey, ToolState> states_;
  std::vector<Pending> pending_;
  std::set<std::string, std::less<>> known_before_;
  std::optional<WallTime> learning_until_;
  WallTime now_{};
};

}  // namespace gnomon
