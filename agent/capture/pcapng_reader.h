// PcapngReader: the pcapng file format.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/capture/byte_feed.h"
#include "agent/capture/packet_source.h"
#include "core/result.h"

namespace gnomon {

// PcapngReader reads blocks from a feed that must outlive it (IETF draft-ietf-opsawg-pcapng).
//
// Sections may differ in byte order; every section has its own interfaces with link type,
// snaplen and clock. Yields what enhanced, simple and obsolete packet blocks hold; every other
// block is stepped over, whatever its size. Packet::interface counts through all sections.
class PcapngReader {
 public:
  static bool recognises(Bytes start);

  // A feed of another format gives `not_a_capture`.
  static Result<PcapngReader, CaptureError> open(ByteFeed& feed, const std::string& name);

  Result<Pull, CaptureError> next(Packet& packet);

 private:
  struct Interface {
    std::uint32_t link_type = 0;
    std::uint32_t snaplen = 0;    // 0: no limit
    std::uint8_t resolution = 6;  // if_tsresol: a negative power of ten, of two with the top bit
    std::int64_t offset_s = 0;    // if_tsoffset
  };
  struct Block {
    std::uint32_t type = 0;
    std::uint32_t bytes = 0;  // all of it
  };

  PcapngReader(ByteFeed& feed, std::string name) : feed_(&feed), name_(std::move(name)) {}

  // begin_block reads a block's first eight bytes (a section header's twelve).
  Result<Pull, CaptureError> begin_block(Block& block);
  Result<Ok, CaptureError> finish_block();
  Result<Ok, CaptureError> read_interface(const Block& block);
  Result<Ok, CaptureError> read_packet(const Block& block, Packet& packet);

  WallTime time_of(const Interface& interface, std::uint64_t units) const;
  CaptureError damaged(const std::string& what) const;

  ByteFeed* feed_;
  std::string name_;
  bool big_endian_ = false;
  std::vector<Interface> interfaces_;    // of this section
  std::uint32_t interfaces_before_ = 0;  // of the sections before
  std::uint32_t block_bytes_ = 0;        // size of the open block, 0 between blocks
  std::uint32_t block_left_ = 0;         // bytes of it not passed yet, its trailer included
  WallTime last_{};                      // simple packet blocks have no time of their own
  std::uint64_t packets_ = 0;
};

}  // namespace gnomon
