// Packet: what the capture room yields.

#pragma once

#include <cstdint>

#include "core/byte_reader.h"
#include "core/clock.h"

namespace gnomon {

// Packet is borrowed: its bytes are good until the source is asked for the next one.
struct Packet {
  WallTime when;
  std::uint32_t link_type = 0;  // LINKTYPE_ number of the pcap file format, not a platform's DLT_
  std::uint32_t interface = 0;  // index of the interface within its source
  std::uint32_t wire_size = 0;  // bytes on the wire; more than bytes.size() when the snaplen cut
  Bytes bytes;
};

}  // namespace gnomon
