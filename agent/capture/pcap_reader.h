// PcapReader: the classic pcap file format.

#pragma once

#include <cstdint>
#include <string>

#include "agent/capture/byte_feed.h"
#include "agent/capture/packet_source.h"
#include "core/result.h"

namespace gnomon {

// kMaxPacketBytes bounds one packet of a file: the largest snaplen that libpcap and Wireshark
// write for network interfaces. A longer one is damage.
constexpr std::size_t kMaxPacketBytes = std::size_t{256} * 1024;

// PcapReader reads records from a feed that must outlive it. Both byte orders, microseconds and
// nanoseconds, the swapped lengths of versions before 2.4, and the longer records of Kuznetsov's
// patched libpcap (magic a1b2cd34). IETF draft-ietf-opsawg-pcap.
class PcapReader {
 public:
  // recognises tells whether `start` (four bytes or more) is a pcap file's.
  static bool recognises(Bytes start);

  // `name` is the file's, for error texts. A feed of another format gives `not_a_capture`.
  static Result<PcapReader, CaptureError> open(ByteFeed& feed, const std::string& name);

  Result<Pull, CaptureError> next(Packet& packet);

 private:
  PcapReader(ByteFeed& feed, std::string name) : feed_(&feed), name_(std::move(name)) {}

  CaptureError damaged(const std::string& what) const;

  ByteFeed* feed_;
  std::string name_;
  std::size_t header_bytes_ = 16;
  std::uint32_t fraction_ns_ = 1000;  // one unit of a timestamp's fraction
  std::uint32_t link_type_ = 0;
  bool big_endian_ = false;
  bool lengths_swapped_ = false;         // version 2.0 to 2.2
  bool lengths_may_be_swapped_ = false;  // version 2.3: some writers did, some did not
  std::uint64_t packets_ = 0;
};

}  // namespace gnomon
