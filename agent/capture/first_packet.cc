#include "agent/capture/first_packet.h"

#include "agent/capture/file_packet_source.h"

namespace gnomon {

Result<std::optional<WallTime>, CaptureError> first_packet_time(const std::string& path) {
  auto source = FilePacketSource::open(path);
  if (!source) {
    return Failure{source.error()};
  }
  Packet packet;
  const auto pulled = (*source)->next(packet);
  const bool there = pulled && *pulled == Pull::packet;
  return there ? std::optional{packet.when} : std::nullopt;
}

}  // namespace gnomon
