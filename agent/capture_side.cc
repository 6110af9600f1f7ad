#include "agent/capture_side.h"

#include <utility>

#include "agent/match/retro_match.h"

namespace gnomon {

CaptureSide::CaptureSide(std::shared_ptr<const RulePack> pack, const CaptureSideOptions& options,
                         Counters& counters, ContactSink& contacts)
    : pack_(pack),
      contacts_(contacts),
      decoder_(counters),
      flows_(options.flow, counters),
      sight_(SightOptions{}, *this, counters),
      matcher_(pack, counters),
      evidence_(std::move(pack), options.evidence, counters, contacts),
      ledger_(options.ledger),
      owners_(),
      flights_(options.attributor != nullptr ? static_cast<FlightSink&>(owners_.emplace(
                                                   *options.attributor, sight_, counters))
                                             : sight_),
      tap_(options.tap),
      sampler_(options.flow.seed) {}

void CaptureSide::take(const Packet& packet) {
  Datagram datagram;
  if (decoder_.decode(packet, datagram) == DecodeOutcome::datagram &&
      !(sampled_ && is_left_out(datagram))) {
    flows_.add(datagram, flights_);
  }
  if (evidence_.next_due() <= packet.when) {
    evidence_.advance(packet.when);
  }
}

void CaptureSide::on_sighting(Sighting&& sighting) {
  if (owners_) {
    owners_->attach(sighting);
  }
  const std::optional<Match> match = matcher_.match(std::move(sighting));
  if (!match) {
    return;
  }
  if (tap_ != nullptr) {
    tap_->on_match(*match);
  }
  const BurstView burst = evidence_.add(*match);
  if (match->meaning == Meaning::unknown) {
    remember(*match, burst);
  }
}

void CaptureSide::remember(const Match& match, const BurstView& burst) {
  const Manner manner = match.sighting.source == Source::dns ? Manner::named
                        : burst.led_by == LedBy::itself      ? Manner::opened
                                                             : Manner::carried;
  ledger_.see(*pack_, match.sighting.host, match.sighting.when, manner);
}

bool CaptureSide::load_ledger(Bytes bytes) {
  const bool read = ledger_.decode(bytes);
  match_ledger();
  return read;
}

void CaptureSide::match_ledger() {
  for (Contact& contact : retro_contacts(ledger_.learn(*pack_), pack_->version())) {
    contacts_.on_contact(std::move(contact));
  }
  evidence_.set_known_before(ledger_.known_before());
}

void CaptureSide::finish_packets() {
  flows_.finish(flights_);
}

void CaptureSide::finish() {
  finish_packets();
  evidence_.finish();
}

void CaptureSide::bear(Strain strain) {
  sampled_ = strain >= Strain::sampled;
  if (owners_) {
    owners_->set_asking(strain < Strain::no_programs);
  }
}

// Both directions of a connection are looked at or neither. Lookups are few, and without them the
// names of aliases would be missing.
bool CaptureSide::is_left_out(const Datagram& datagram) const {
  constexpr std::uint16_t kDns = 53;
  constexpr std::uint64_t kOneOf = 4;
  return datagram.source.port != kDns && datagram.destination.port != kDns &&
         sampler_(datagram).flow % kOneOf != 0;
}

void CaptureSide::follow(const InForce& in_force) {
  evidence_.set_window(in_force.window);
}

void CaptureSide::set_pack(std::shared_ptr<const RulePack> pack) {
  pack_ = pack;
  matcher_.set_pack(pack);
  evidence_.set_pack(std::move(pack));
  match_ledger();
}

}  // namespace gnomon
