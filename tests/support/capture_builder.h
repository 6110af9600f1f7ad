// Builders of capture files, for tests of what reads them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/packet_builder.h"

namespace gnomon::testing {

// EndianWriter appends numbers in either byte order.
class EndianWriter {
 public:
  explicit EndianWriter(bool big_endian = false) : big_endian_(big_endian) {}

  void u16(std::uint64_t value) { number(value, 2); }
  void u32(std::uint64_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }
  void bytes(Bytes run) { out_.insert(out_.end(), run.begin(), run.end()); }
  void pad4() { out_.resize((out_.size() + 3) / 4 * 4); }
  const Buffer& view() const { return out_; }
  bool big_endian() const { return big_endian_; }

 private:
  void number(std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t shift = 8 * (big_endian_ ? width - 1 - i : i);
      out_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }

  bool big_endian_;
  Buffer out_;
};

// PcapBuilder writes a classic capture file.
class PcapBuilder {
 public:
  struct Kind {
    std::uint32_t magic = 0xa1b2c3d4;
    bool big_endian = false;
    std::uint32_t link_type = 1;
    std::uint16_t minor = 4;
  };

  PcapBuilder() : PcapBuilder(Kind{}) {}
  explicit PcapBuilder(const Kind& kind) : kind_(kind), out_(kind.big_endian) {
    out_.u32(kind.magic);
    out_.u16(2);
    out_.u16(kind.minor);
    out_.u64(0);
    out_.u32(262144);
    out_.u32(kind.link_type);
  }

  PcapBuilder& packet(Bytes bytes, std::uint32_t seconds = 1, std::uint32_t fraction = 2,
                      std::size_t on_wire = 0) {
    const std::size_t wire = on_wire == 0 ? bytes.size() : on_wire;
    out_.u32(seconds);
    out_.u32(fraction);
    out_.u32(kind_.minor < 3 ? wire : bytes.size());
    out_.u32(kind_.minor < 3 ? bytes.size() : wire);
    if (kind_.magic == 0xa1b2cd34) {
      out_.u64(0);
    }
    out_.bytes(bytes);
    return *this;
  }

  const Buffer& view() const { return out_.view(); }

 private:
  Kind kind_;
  EndianWriter out_;
};

// PcapngBuilder writes blocks; every function begins and ends one.
class PcapngBuilder {
 public:
  explicit PcapngBuilder(bool big_endian = false) : big_endian_(big_endian) { section(big_endian); }

  PcapngBuilder& section(bool big_endian) {
    big_endian_ = big_endian;
    EndianWriter body{big_endian};
    body.u32(0x1a2b3c4d);
    body.u16(1);
    body.u16(0);
    body.u64(0xffffffffffffffff);
    return block(0x0a0d0d0a, body.view());
  }

  // `options` is already encoded (see option()).
  PcapngBuilder& interface(std::uint16_t link_type, std::uint32_t snaplen = 0,
                           const Buffer& options = {}) {
    EndianWriter body{big_endian_};
    body.u16(link_type);
    body.u16(0);
    body.u32(snaplen);
    body.bytes(options);
    return block(1, body.view());
  }

  Buffer option(std::uint16_t code, Bytes value) const {
    EndianWriter out{big_endian_};
    out.u16(code);
    out.u16(value.size());
    out.bytes(value);
    out.pad4();
    return out.view();
  }

  PcapngBuilder& enhanced(std::uint32_t interface, std::uint64_t units, Bytes bytes,
                          std::size_t on_wire = 0) {
    EndianWriter body{big_endian_};
    body.u32(interface);
    body.u32(units >> 32);
    body.u32(units & 0xffffffff);
    body.u32(bytes.size());
    body.u32(on_wire == 0 ? bytes.size() : on_wire);
    body.bytes(bytes);
    body.pad4();
    return block(6, body.view());
  }

  PcapngBuilder& simple(Bytes bytes, std::size_t on_wire = 0) {
    EndianWriter body{big_endian_};
    body.u32(on_wire == 0 ? bytes.size() : on_wire);
    body.bytes(bytes);
    body.pad4();
    return block(3, body.view());
  }

  PcapngBuilder& obsolete(std::uint16_t interface, std::uint64_t units, Bytes bytes) {
    EndianWriter body{big_endian_};
    body.u16(interface);
    body.u16(9);
    body.u32(units >> 32);
    body.u32(units & 0xffffffff);
    body.u32(bytes.size());
    body.u32(bytes.size());
    body.bytes(bytes);
    body.pad4();
    return block(2, body.view());
  }

  PcapngBuilder& block(std::uint32_t type, Bytes body) {
    EndianWriter out{big_endian_};
    out.u32(type);
    out.u32(body.size() + 12);
    out.bytes(body);
    out.u32(body.size() + 12);
    file_.insert(file_.end(), out.view().begin(), out.view().end());
    return *this;
  }

  const Buffer& view() const { return file_; }

 private:
  bool big_endian_;
  Buffer file_;
};

inline void write_file(const std::string& path, Bytes bytes) {
  std::ofstream out{path, std::ios::binary};
  for (const std::uint8_t byte : bytes) {
    out.put(static_cast<char>(byte));
  }
}

}  // namespace gnomon::testing
