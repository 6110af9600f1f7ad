#include "agent/capture/pcapng_reader.h"

#include <algorithm>
#include <limits>

#include "agent/capture/pcap_reader.h"
#include "core/fixed_fields.h"

namespace gnomon {
namespace {

// Block types, draft-ietf-opsawg-pcapng, section 11.1.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kObsoletePacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;

constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;

constexpr std::uint16_t kOptionEnd = 0;
constexpr std::uint16_t kOptionTsresol = 9;
constexpr std::uint16_t kOptionTsoffset = 14;

constexpr std::uint32_t kSmallestBlock = 12;
constexpr std::uint32_t kTrailerBytes = 4;

// An interface description is read as a whole for its options; real ones have some hundred bytes.
constexpr std::uint32_t kMaxInterfaceBlock = std::uint32_t{64} * 1024;
// A hostile file must not fill memory with interfaces; tshark on "any" makes a few dozen.
constexpr std::size_t kMaxInterfaces = 4096;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
// What WallTime can hold, in whole seconds.
constexpr std::int64_t kMaxSeconds = std::numeric_limits<std::int64_t>::max() / kNanosPerSecond - 1;

template <std::size_t At, std::size_t N>
std::uint32_t u32(FixedBytes<N> run, bool big_endian) {
  return big_endian ? be32<At>(run) : le32<At>(run);
}

template <std::size_t At, std::size_t N>
std::uint16_t u16(FixedBytes<N> run, bool big_endian) {
  return big_endian ? be16<At>(run) : le16<At>(run);
}

std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t value = 1;
  for (unsigned i = 0; i < exponent; ++i) {
    value *= 10;
  }
  return value;
}

}  // namespace

bool PcapngReader::recognises(Bytes start) {
  // The type reads the same in both byte orders.
  return start.size() >= 4 && be32<0>(start.first<4>()) == kSectionHeader;
}

Result<PcapngReader, CaptureError> PcapngReader::open(ByteFeed& feed, const std::string& name) {
  const Bytes start = feed.want(12);
  if (!recognises(start)) {
    return Failure{CaptureError{CaptureError::Kind::not_a_capture, name + " is not a capture"}};
  }
  PcapngReader reader{feed, name};
  if (start.size() >= 12) {
    const auto head = start.first<12>();
    if (be32<8>(head) != kByteOrderMagic && le32<8>(head) != kByteOrderMagic) {
      return Failure{CaptureError{CaptureError::Kind::not_a_capture, name + " is not a capture"}};
    }
  }
  return reader;
}

Result<Pull, CaptureError> PcapngReader::next(Packet& packet) {
  for (;;) {
    if (block_bytes_ != 0) {
      if (auto finished = finish_block(); !finished) {
        return Failure{finished.error()};
      }
    }
    Block block;
    auto begun = begin_block(block);
    if (!begun || *begun == Pull::end) {
      return begun;
    }
    block_bytes_ = block.bytes;
    block_left_ = block.bytes;
    if (block.type == kInterfaceDescription) {
      if (auto read = read_interface(block); !read) {
        return Failure{read.error()};
      }
    } else if (block.type == kEnhancedPacket || block.type == kSimplePacket ||
               block.type == kObsoletePacket) {
      auto read = read_packet(block, packet);
      if (!read) {
        return Failure{read.error()};
      }
      last_ = packet.when;
      ++packets_;
      return Pull::packet;
    }
  }
}

Result<Pull, CaptureError> PcapngReader::begin_block(Block& block) {
  const Bytes start = feed_->want(kSmallestBlock);
  if (start.empty() && feed_->error() == nullptr) {
    return Pull::end;
  }
  if (start.size() < kSmallestBlock) {
    return Failure{damaged("the file ends inside a block header")};
  }
  const auto head = start.first<kSmallestBlock>();
  if (be32<0>(head) == kSectionHeader) {
    if (be32<8>(head) == kByteOrderMagic) {
      big_endian_ = true;
    } else if (le32<8>(head) == kByteOrderMagic) {
      big_endian_ = false;
    } else {
      return Failure{damaged("a section header has no byte-order magic")};
    }
    interfaces_before_ += static_cast<std::uint32_t>(interfaces_.size());
    interfaces_.clear();
  }
  block.type = u32<0>(head, big_endian_);
  block.bytes = u32<4>(head, big_endian_);
  if (block.bytes < kSmallestBlock || block.bytes % 4 != 0) {
    return Failure{damaged("a block claims " + std::to_string(block.bytes) + " bytes")};
  }
  return Pull::packet;
}

Result<Ok, CaptureError> PcapngReader::finish_block() {
  const bool whole = feed_->skip(block_left_ - kTrailerBytes);
  const Bytes trailer = whole ? feed_->want(kTrailerBytes) : Bytes{};
  if (trailer.size() < kTrailerBytes) {
    return Failure{damaged("the file ends inside a block")};
  }
  if (u32<0>(trailer.first<4>(), big_endian_) != block_bytes_) {
    return Failure{damaged("the two lengths of a block differ")};
  }
  feed_->drop(kTrailerBytes);
  block_bytes_ = 0;
  block_left_ = 0;
  return Ok{};
}

Result<Ok, CaptureError> PcapngReader::read_interface(const Block& block) {
  if (block.bytes < 20 || block.bytes > kMaxInterfaceBlock) {
    return Failure{
        damaged("an interface description has " + std::to_string(block.bytes) + " bytes")};
  }
  if (interfaces_.size() == kMaxInterfaces) {
    return Failure{damaged("more than " + std::to_string(kMaxInterfaces) + " interfaces")};
  }
  const Bytes all = feed_->want(block.bytes);
  if (all.size() < block.bytes) {
    return Failure{damaged("the file ends inside an interface description")};
  }
  const auto head = all.first<16>();
  Interface interface;
  interface.link_type = u16<8>(head, big_endian_);
  interface.snaplen = u32<12>(head, big_endian_);

  Bytes options = all.subspan(16, block.bytes - 16 - kTrailerBytes);
  while (options.size() >= 4) {
    const std::uint16_t code = u16<0>(options.first<4>(), big_endian_);
    const std::size_t length = u16<2>(options.first<4>(), big_endian_);
    options = options.subspan(4);
    if (code == kOptionEnd || length > options.size()) {
      break;
    }
    if (code == kOptionTsresol && length >= 1) {
      interface.resolution = options[0];
    } else if (code == kOptionTsoffset && length >= 8) {
      const auto value = options.first<8>();
      interface.offset_s = static_cast<std::int64_t>(big_endian_ ? be64<0>(value) : le64<0>(value));
    }
    options = options.subspan(std::min((length + 3) & ~std::size_t{3}, options.size()));
  }
  interfaces_.push_back(interface);
  return Ok{};
}

Result<Ok, CaptureError> PcapngReader::read_packet(const Block& block, Packet& packet) {
  const std::size_t header = block.type == kSimplePacket ? 12 : 28;
  const Bytes start = feed_->want(header);
  if (start.size() < header || block.bytes < header + kTrailerBytes) {
    return Failure{damaged("a packet block is too short")};
  }
  std::uint32_t index = 0;
  std::uint32_t captured = 0;
  std::uint64_t units = 0;
  if (block.type == kSimplePacket) {
    packet.wire_size = u32<8>(start.first<12>(), big_endian_);
    // What is captured is not written down: it is the snaplen's part of it, or what there is.
    captured = std::min(packet.wire_size,
                        block.bytes - static_cast<std::uint32_t>(header) - kTrailerBytes);
    if (!interfaces_.empty() && interfaces_[0].snaplen != 0) {
      captured = std::min(captured, interfaces_[0].snaplen);
    }
  } else {
    const auto head = start.first<28>();
    // The obsolete block has a 16-bit interface and a drop count in the place of 32 bits.
    index = block.type == kEnhancedPacket ? u32<8>(head, big_endian_) : u16<8>(head, big_endian_);
    units = (std::uint64_t{u32<12>(head, big_endian_)} << 32) | u32<16>(head, big_endian_);
    captured = u32<20>(head, big_endian_);
    packet.wire_size = u32<24>(head, big_endian_);
  }
  if (index >= interfaces_.size()) {
    return Failure{damaged("a packet belongs to an interface that is not described")};
  }
  if (captured > kMaxPacketBytes || captured > block.bytes - header - kTrailerBytes) {
    return Failure{damaged("a packet claims " + std::to_string(captured) + " bytes")};
  }
  const Bytes whole = feed_->want(header + captured);
  if (whole.size() < header + captured) {
    return Failure{damaged("the file ends inside a packet")};
  }
  const Interface& interface = interfaces_[index];
  packet.when = block.type == kSimplePacket ? last_ : time_of(interface, units);
  packet.link_type = interface.link_type;
  packet.interface = interfaces_before_ + index;
  packet.bytes = whole.subspan(header, captured);
  feed_->drop(header + captured);
  block_left_ -= static_cast<std::uint32_t>(header) + captured;
  return Ok{};
}

WallTime PcapngReader::time_of(const Interface& interface, std::uint64_t units) const {
  std::uint64_t seconds = 0;
  std::uint64_t nanos = 0;
  const unsigned exponent = interface.resolution & 0x7fU;
  if ((interface.resolution & 0x80U) != 0) {
    seconds = exponent < 64 ? units >> exponent : 0;
    // The fraction as 32 bits, so that the product fits.
    std::uint64_t fraction = exponent < 64 ? units & ((std::uint64_t{1} << exponent) - 1) : units;
    if (exponent > 32) {
      const unsigned shift = exponent - 32;
      fraction = shift < 64 ? fraction >> shift : 0;
    } else {
      fraction <<= 32 - exponent;
    }
    nanos = (fraction * static_cast<std::uint64_t>(kNanosPerSecond)) >> 32;
  } else if (exponent <= 9) {
    const std::uint64_t per_second = power_of_ten(exponent);
    seconds = units / per_second;
    nanos = (units % per_second) * power_of_ten(9 - exponent);
  } else {
    const unsigned finer = exponent - 9;
    const std::uint64_t all = finer <= 19 ? units / power_of_ten(finer) : 0;
    seconds = all / static_cast<std::uint64_t>(kNanosPerSecond);
    nanos = all % static_cast<std::uint64_t>(kNanosPerSecond);
  }
  // A time that WallTime cannot hold comes from damage or malice; it stops at the ends.
  constexpr auto kLimit = static_cast<std::uint64_t>(kMaxSeconds);
  const std::int64_t whole = static_cast<std::int64_t>(std::min(seconds, kLimit));
  const std::int64_t offset = std::clamp(interface.offset_s, -kMaxSeconds, kMaxSeconds);
  const std::int64_t sum = std::clamp(whole + offset, -kMaxSeconds, kMaxSeconds);
  return WallTime{std::chrono::seconds{sum} + std::chrono::nanoseconds{nanos}};
}

CaptureError PcapngReader::damaged(const std::string& what) const {
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
