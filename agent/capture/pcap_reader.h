// PcapReader: the classic pcap file format.

#pragma once

#include <cstdint>
#include <string>

#include "agent/capture/byte_feed.h"
#include "agent/capture/packet_source.h"
#include "core/fixed_fields.h"
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

  // take_ready is next() for the usual file, as long as the whole packet was read already; false
  // when it was not, and next() must be asked. It is the way of a million packets: no call, no
  // Result with room for an error.
  bool take_ready(Packet& packet) {
    const Bytes here = feed_->ready();
    if (!usual_ || here.size() < kRecordHeaderBytes) [[unlikely]] {
      return false;
    }
    const auto header = here.first<kRecordHeaderBytes>();
    const std::uint32_t captured = number<8>(header);
    if (captured > kMaxPacketBytes || captured > here.size() - kRecordHeaderBytes) [[unlikely]] {
      return false;
    }
    fill(header, number<12>(header), here.subspan(kRecordHeaderBytes, captured), packet);
    feed_->drop(kRecordHeaderBytes + captured);
    return true;
  }

 private:
  static constexpr std::size_t kRecordHeaderBytes = 16;

  PcapReader(ByteFeed& feed, std::string name) : feed_(&feed), name_(std::move(name)) {}

  template <std::size_t At, std::size_t N>
  std::uint32_t number(FixedBytes<N> run) const {
    return big_endian_ ? be32<At>(run) : le32<At>(run);
  }

  void fill(FixedBytes<kRecordHeaderBytes> header, std::uint32_t wire_size, Bytes bytes,
            Packet& packet) {
    packet.when =
        WallTime{std::chrono::seconds{number<0>(header)} +
                 std::chrono::nanoseconds{std::uint64_t{number<4>(header)} * fraction_ns_}};
    packet.link_type = link_type_;
    packet.interface = 0;
    packet.wire_size = wire_size;
    packet.bytes = bytes;
    ++packets_;
  }

  CaptureError damaged(const std::string& what) const;

  ByteFeed* feed_;
  std::string name_;
  bool usual_ = false;  // records of the usual size, with their lengths in the usual order
  std::size_t header_bytes_ = kRecordHeaderBytes;
  std::uint32_t fraction_ns_ = 1000;  // one unit of a timestamp's fraction
  std::uint32_t link_type_ = 0;
  bool big_endian_ = false;
  bool lengths_swapped_ = false;         // version 2.0 to 2.2
  bool lengths_may_be_swapped_ = false;  // version 2.3: some writers did, some did not
  std::uint64_t packets_ = 0;
};

}  // namespace gnomon
