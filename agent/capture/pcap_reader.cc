#include "agent/capture/pcap_reader.h"

#include <utility>

#include "core/fixed_fields.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kMagicMicro = 0xa1b2c3d4;
constexpr std::uint32_t kMagicNano = 0xa1b23c4d;
constexpr std::uint32_t kMagicModified = 0xa1b2cd34;
constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kModifiedRecordHeaderBytes = 24;
// The upper bits hold the length of the frame check sequence.
constexpr std::uint32_t kLinkTypeMask = 0x0000ffff;

bool is_magic(std::uint32_t magic) {
  return magic == kMagicMicro || magic == kMagicNano || magic == kMagicModified;
}

template <std::size_t At, std::size_t N>
std::uint16_t u16(FixedBytes<N> run, bool big_endian) {
  return big_endian ? be16<At>(run) : le16<At>(run);
}

}  // namespace

bool PcapReader::recognises(Bytes start) {
  return start.size() >= 4 &&
         (is_magic(be32<0>(start.first<4>())) || is_magic(le32<0>(start.first<4>())));
}

Result<PcapReader, CaptureError> PcapReader::open(ByteFeed& feed, const std::string& name) {
  PcapReader reader{feed, name};
  const Bytes start = feed.want(kFileHeaderBytes);
  if (!recognises(start)) {
    return Failure{CaptureError{CaptureError::Kind::not_a_capture, name + " is not a capture"}};
  }
  if (start.size() < kFileHeaderBytes) {
    return Failure{reader.damaged("the file header is cut short")};
  }
  const auto header = start.first<kFileHeaderBytes>();
  reader.big_endian_ = is_magic(be32<0>(header));
  const std::uint32_t magic = reader.number<0>(header);
  const std::uint16_t major = u16<4>(header, reader.big_endian_);
  const std::uint16_t minor = u16<6>(header, reader.big_endian_);
  if (major != 2) {
    return Failure{CaptureError{CaptureError::Kind::not_a_capture,
                                name + " is a pcap file of unknown version " +
                                    std::to_string(major) + "." + std::to_string(minor)}};
  }
  reader.lengths_swapped_ = minor < 3;
  reader.lengths_may_be_swapped_ = minor == 3;
  reader.fraction_ns_ = magic == kMagicNano ? 1 : 1000;
  reader.header_bytes_ = magic == kMagicModified ? kModifiedRecordHeaderBytes : kRecordHeaderBytes;
  reader.link_type_ = reader.number<20>(header) & kLinkTypeMask;
  reader.usual_ = magic != kMagicModified && minor > 3;
  feed.drop(kFileHeaderBytes);
  return reader;
}

Result<Pull, CaptureError> PcapReader::next(Packet& packet) {
  const Bytes start = feed_->want(header_bytes_);
  if (start.size() < header_bytes_) [[unlikely]] {
    if (feed_->error() != nullptr) {
      return Failure{damaged("")};
    }
    if (start.empty()) {
      return Pull::end;
    }
    return Failure{damaged("the file ends inside a record header")};
  }
  const auto header = start.first<kRecordHeaderBytes>();
  std::uint32_t captured = number<8>(header);
  std::uint32_t on_wire = number<12>(header);
  if (lengths_swapped_ || (lengths_may_be_swapped_ && captured > on_wire)) [[unlikely]] {
    std::swap(captured, on_wire);
  }
  if (captured > kMaxPacketBytes) [[unlikely]] {
    return Failure{damaged("a record claims " + std::to_string(captured) + " bytes")};
  }
  const Bytes record = feed_->want(header_bytes_ + captured);
  if (record.size() < header_bytes_ + captured) [[unlikely]] {
    return Failure{damaged("the file ends inside a packet")};
  }
  fill(record.first<kRecordHeaderBytes>(), on_wire, record.subspan(header_bytes_, captured),
       packet);
  feed_->drop(header_bytes_ + captured);
  return Pull::packet;
}

CaptureError PcapReader::damaged(const std::string& what) const {
  // The input's own fault (unpacking, disk) explains more than where the records broke off.
  const CaptureError* cause = feed_->error();
  if (cause != nullptr && cause->kind != CaptureError::Kind::damaged) {
    CaptureError error = *cause;
    error.packet = packets_;
    return error;
  }
  const std::string text = cause != nullptr ? cause->text : name_ + ": " + what;
  return CaptureError{CaptureError::Kind::damaged,
                      text + " (after packet " + std::to_string(packets_) + ")", packets_};
}

}  // namespace gnomon
