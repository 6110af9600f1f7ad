// FilePacketSource: packets from a capture file.

#pragma once

#include <memory>
#include <string>
#include <variant>

#include "agent/capture/byte_feed.h"
#include "agent/capture/packet_source.h"
#include "agent/capture/pcap_reader.h"
#include "agent/capture/pcapng_reader.h"

namespace gnomon {

// FilePacketSource reads pcap and pcapng, plain or packed by gzip or zstd, from a file or from
// standard input. It holds less than 1 MiB (32 MiB more for zstd), whatever the file's size.
//
// A file that is cut short or damaged yields all packets before the damage, then the error with
// their number.
class FilePacketSource final : public PacketSource {
 public:
  // open reads the file's header. "-" is standard input. Fails with `unreadable`, `empty`,
  // `not_a_capture`, or `damaged` when the header itself is cut short.
  static Result<std::unique_ptr<FilePacketSource>, CaptureError> open(const std::string& path);

  Result<Pull, CaptureError> next(Packet& packet, std::chrono::milliseconds patience) override;

  // next without a patience nobody uses, and without the virtual call.
  Result<Pull, CaptureError> next(Packet& packet);

  // take_ready fills in the next packet of a plain pcap file if that takes no reading; false: ask
  // next(). Only to be fast.
  bool take_ready(Packet& packet) {
    auto* plain = std::get_if<PcapReader>(&reader_);
    return plain != nullptr && plain->take_ready(packet);
  }

 private:
  using Reader = std::variant<std::monostate, PcapReader, PcapngReader>;

  explicit FilePacketSource(std::unique_ptr<ByteInput> input) : feed_(std::move(input)) {}

  ByteFeed feed_;
  Reader reader_;                         // borrows feed_
  std::unique_ptr<CaptureError> failed_;  // given again once it was given
};

}  // namespace gnomon
