#include "agent/capture_side.h"

#include <utility>

namespace gnomon {

CaptureSide::CaptureSide(std::shared_ptr<const RulePack> pack, const CaptureSideOptions& options,
                         Counters& counters, ContactSink& contacts)
    : decoder_(counters),
      flows_(options.flow, counters),
      sight_(SightOptions{}, *this, counters),
      matcher_(pack, counters),
      evidence_(std::move(pack), options.evidence, counters, contacts),
      owners_(),
      flights_(options.attributor != nullptr ? static_cast<FlightSink&>(owners_.emplace(
                                                   *options.attributor, sight_, counters))
                                             : sight_),
      tap_(options.tap) {}

void CaptureSide::take(const Packet& packet) {
  Datagram datagram;
  if (decoder_.decode(packet, datagram) == DecodeOutcome::datagram) {
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
  evidence_.add(*match);
}

void CaptureSide::finish_packets() {
  flows_.finish(flights_);
}

void CaptureSide::finish() {
  finish_packets();
  evidence_.finish();
}

void CaptureSide::set_pack(std::shared_ptr<const RulePack> pack) {
  matcher_.set_pack(pack);
  evidence_.set_pack(std::move(pack));
}

}  // namespace gnomon
