// CaptureSide: rooms 2 to 6 as plain calls, from a packet to contacts. For the capture thread, and
// for `gnomon analyze`.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/attribute/attributor.h"
#include "agent/attribute/flow_owners.h"
#include "agent/budget.h"
#include "agent/capture/packet.h"
#include "agent/decode/decoder.h"
#include "agent/evidence/evidence.h"
#include "agent/flow/flow_key.h"
#include "agent/flow/flow_table.h"
#include "agent/in_force.h"
#include "agent/match/matcher.h"
#include "agent/match/unknown_ledger.h"
#include "agent/sight/sight.h"
#include "agent/sight/sighting_sink.h"
#include "core/catalog/rule_pack.h"
#include "core/counters.h"

namespace gnomon {

// MatchTap sees every sighting with its meaning on its way into the evidence room. For `watch`,
// which shows them and keeps nothing.
class MatchTap {
 public:
  MatchTap() = default;
  MatchTap(const MatchTap&) = delete;
  MatchTap& operator=(const MatchTap&) = delete;
  virtual ~MatchTap() = default;

  virtual void on_match(const Match& match) = 0;
};

struct CaptureSideOptions {
  FlowLimits flow;
  EvidenceOptions evidence;
  Attributor* attributor = nullptr;  // absent: nothing is attributed
  MatchTap* tap = nullptr;           // may be absent
  // What is remembered of hosts outside the catalogue; by default nothing.
  LedgerOptions ledger{std::chrono::days{0}, {}};
};

// CaptureSide holds the rooms and what flows between them. Whatever is passed by reference or
// pointer must outlive it. It never asks the clock: the same packets give the same contacts.
class CaptureSide final : private SightingSink {
 public:
  CaptureSide(std::shared_ptr<const RulePack> pack, const CaptureSideOptions& options,
              Counters& counters, ContactSink& contacts);

  // take sends one packet through the rooms.
  void take(const Packet& packet);

  // pass_time lets windows close when no packets come.
  void pass_time(WallTime now) { evidence_.advance(now); }

  // finish_packets is the end of a capture: what still waits in the flow table comes out.
  // finish also closes every window.
  void finish_packets();
  void finish();

  // set_pack changes the catalogue. What it knows of the ledger's domains is reported at once.
  void set_pack(std::shared_ptr<const RulePack> pack);

  // load_ledger takes the ledger of an earlier run, and reports what the pack has learnt since.
  // False: the bytes are no ledger; it begins anew.
  bool load_ledger(Bytes bytes);
  UnknownLedger& ledger() { return ledger_; }

  // follow takes what is in force from now on, as far as it concerns these rooms.
  void follow(const InForce& in_force);

  // bear leaves out what the agent cannot afford right now, as far as these rooms do it.
  void bear(Strain strain);

  EvidenceRoom& evidence() { return evidence_; }

 private:
  void on_sighting(Sighting&& sighting) override;
  void remember(const Match& match, const BurstView& burst);
  void match_ledger();
  bool is_left_out(const Datagram& datagram) const;

  std::shared_ptr<const RulePack> pack_;  // shared: packs always are
  ContactSink& contacts_;
  Decoder decoder_;
  FlowTable flows_;
  Sight sight_;
  Matcher matcher_;
  EvidenceRoom evidence_;
  UnknownLedger ledger_;
  std::optional<FlowOwners> owners_;
  FlightSink& flights_;  // owners_ where there is an attributor, else sight_
  MatchTap* tap_;
  FlowHasher sampler_;
  bool sampled_ = false;
};

}  // namespace gnomon
