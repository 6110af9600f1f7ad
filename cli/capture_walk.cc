#include "cli/capture_walk.h"

#include "agent/capture/file_packet_source.h"

namespace gnomon::cli {

CaptureWalk::CaptureWalk(SightingSink& sink)
    : decoder_(counters_),
      flows_(FlowLimits::for_files(), counters_),
      sight_(SightOptions{}, sink, counters_) {}

std::optional<CaptureError> CaptureWalk::read(const std::string& path) {
  auto source = FilePacketSource::open(path);
  if (!source) {
    return source.error();
  }
  std::optional<CaptureError> failed;
  Packet packet;
  Datagram datagram;
  for (;;) {
    if (!(*source)->take_ready(packet)) {
      const auto pulled = (*source)->next(packet);
      if (!pulled) {
        failed = pulled.error();
        break;
      }
      if (*pulled != Pull::packet) {
        break;
      }
    }
    ++packets_;
    if (decoder_.decode(packet, datagram) == DecodeOutcome::datagram) {
      flows_.add(datagram, sight_);
    }
  }
  flows_.finish(sight_);
  return failed;
}

}  // namespace gnomon::cli
