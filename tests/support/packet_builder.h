// Builders of packets, for tests of what reads them.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "agent/capture/packet.h"
#include "agent/decode/datagram.h"
#include "core/byte_writer.h"

namespace gnomon::testing {

using Buffer = std::vector<std::uint8_t>;

inline Buffer bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

inline Buffer join(std::initializer_list<Bytes> parts) {
  Buffer all;
  for (const Bytes part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// ipv4_address gives 10.0.x.y; ipv6_address 2001:db8::x:y.
inline IpAddress ipv4_address(std::uint16_t low) {
  IpAddress address;
  address.bytes[0] = 10;
  address.bytes[2] = static_cast<std::uint8_t>(low >> 8);
  address.bytes[3] = static_cast<std::uint8_t>(low);
  return address;
}

inline IpAddress ipv6_address(std::uint16_t low) {
  IpAddress address;
  address.is_v4 = false;
  address.bytes[0] = 0x20;
  address.bytes[1] = 0x01;
  address.bytes[2] = 0x0d;
  address.bytes[3] = 0xb8;
  address.bytes[14] = static_cast<std::uint8_t>(low >> 8);
  address.bytes[15] = static_cast<std::uint8_t>(low);
  return address;
}

inline Buffer ethernet(std::uint16_t type, Bytes payload) {
  ByteWriter out;
  out.text("\x02\x02\x02\x02\x02\x02\x04\x04\x04\x04\x04\x04");
  out.u16(type);
  out.bytes(payload);
  return out.take();
}

struct Ipv4Options {
  std::uint16_t id = 7;
  std::uint16_t fragment = 0;  // flags and offset as they stand in the header
  Buffer options;              // a multiple of four bytes
  int total_length = -1;       // -1: the right one
};

inline Buffer ipv4(std::uint8_t protocol, Bytes payload, const Ipv4Options& with = {}) {
  ByteWriter out;
  const std::size_t header = 20 + with.options.size();
  out.u8(static_cast<std::uint8_t>(0x40 | (header / 4)));
  out.u8(0);
  out.u16(static_cast<std::uint16_t>(with.total_length >= 0
                                         ? static_cast<std::size_t>(with.total_length)
                                         : header + payload.size()));
  out.u16(with.id);
  out.u16(with.fragment);
  out.u8(64);
  out.u8(protocol);
  out.u16(0);
  out.bytes(Bytes{ipv4_address(1).bytes}.first(4));
  out.bytes(Bytes{ipv4_address(2).bytes}.first(4));
  out.bytes(with.options);
  out.bytes(payload);
  return out.take();
}

inline Buffer ipv6(std::uint8_t next, Bytes payload, int length = -1) {
  ByteWriter out;
  out.u32(0x60000000);
  out.u16(
      static_cast<std::uint16_t>(length >= 0 ? static_cast<std::size_t>(length) : payload.size()));
  out.u8(next);
  out.u8(64);
  out.bytes(ipv6_address(1).bytes);
  out.bytes(ipv6_address(2).bytes);
  out.bytes(payload);
  return out.take();
}

inline Buffer udp(std::uint16_t from, std::uint16_t to, Bytes payload, int length = -1) {
  ByteWriter out;
  out.u16(from);
  out.u16(to);
  out.u16(static_cast<std::uint16_t>(length >= 0 ? static_cast<std::size_t>(length)
                                                 : 8 + payload.size()));
  out.u16(0);
  out.bytes(payload);
  return out.take();
}

struct TcpOptions {
  std::uint32_t sequence = 1000;
  std::uint8_t flags = TcpFlags::kAck;
  Buffer options;  // a multiple of four bytes
};

inline Buffer tcp(std::uint16_t from, std::uint16_t to, Bytes payload,
                  const TcpOptions& with = {}) {
  ByteWriter out;
  out.u16(from);
  out.u16(to);
  out.u32(with.sequence);
  out.u32(0);
  out.u8(static_cast<std::uint8_t>(((20 + with.options.size()) / 4) << 4));
  out.u8(with.flags);
  out.u16(65535);
  out.u32(0);
  out.bytes(with.options);
  out.bytes(payload);
  return out.take();
}

// packet_of borrows `bytes`.
inline Packet packet_of(Bytes bytes, std::uint32_t link_type = 1) {
  Packet packet;
  packet.link_type = link_type;
  packet.wire_size = static_cast<std::uint32_t>(bytes.size());
  packet.bytes = bytes;
  return packet;
}

// second gives a time so many seconds after an arbitrary beginning.
inline WallTime second(double seconds) {
  return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>{1'700'000'000.0 + seconds})};
}

}  // namespace gnomon::testing
