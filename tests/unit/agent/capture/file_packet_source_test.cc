#include "agent/capture/file_packet_source.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "tests/support/capture_builder.h"
#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::Buffer;
using testing::PcapBuilder;
using testing::PcapngBuilder;
using Kind = CaptureError::Kind;

struct Read {
  struct One {
    std::int64_t ns;
    std::uint32_t link_type;
    std::uint32_t interface;
    std::uint32_t wire_size;
    Buffer bytes;
  };
  std::vector<One> packets;
  bool failed = false;
  CaptureError error;
};

Read read_all(const std::string& path) {
  Read read;
  auto source = FilePacketSource::open(path);
  if (!source) {
    read.failed = true;
    read.error = source.error();
    return read;
  }
  Packet packet;
  for (;;) {
    auto pulled = (*source)->next(packet, {});
    if (!pulled) {
      read.failed = true;
      read.error = pulled.error();
      // It stays that way.
      auto again = (*source)->next(packet, {});
      REQUIRE_FALSE(again);
      CHECK(again.error().text == read.error.text);
      return read;
    }
    if (*pulled == Pull::end) {
      return read;
    }
    read.packets.push_back({packet.when.time_since_epoch().count(), packet.link_type,
                            packet.interface, packet.wire_size,
                            Buffer{packet.bytes.begin(), packet.bytes.end()}});
  }
}

Read read_bytes(Bytes file) {
  testing::TempDirectory folder;
  const std::string path = folder.file("capture");
  testing::write_file(path, file);
  return read_all(path);
}

Buffer payload(std::size_t size, std::uint8_t seed = 1) {
  Buffer bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::uint8_t>(seed + i * 3);
  }
  return bytes;
}

Buffer gzip(Bytes plain) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Buffer out(::deflateBound(&stream, plain.size()) + 64);
  stream.next_in = const_cast<Bytef*>(plain.data());  // NOLINT: zlib's z_const is off
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  static_cast<void>(::deflateEnd(&stream));
  return out;
}

Buffer zstd(Bytes plain) {
  Buffer out(ZSTD_compressBound(plain.size()));
  const std::size_t size = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3);
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

}  // namespace

TEST_CASE("FilePacketSource: pcap of either byte order and both clocks reads the same",
          "[agent][capture]") {
  const Buffer bytes = payload(60);
  for (const std::uint32_t magic : {0xa1b2c3d4U, 0xa1b23c4dU, 0xa1b2cd34U}) {
    for (const bool big_endian : {false, true}) {
      for (const std::uint16_t minor : {std::uint16_t{2}, std::uint16_t{4}}) {
        CAPTURE(magic, big_endian, minor);
        PcapBuilder file{{magic, big_endian, 113, minor}};
        file.packet(bytes, 1'700'000'000, 500, 1500).packet(payload(5), 1'700'000'001, 0);
        const Read read = read_bytes(file.view());
        REQUIRE_FALSE(read.failed);
        REQUIRE(read.packets.size() == 2);
        CHECK(read.packets[0].ns ==
              1'700'000'000'000'000'000 + (magic == 0xa1b23c4d ? 500 : 500'000));
        CHECK(read.packets[0].link_type == 113);
        CHECK(read.packets[0].wire_size == 1500);
        CHECK(read.packets[0].bytes == bytes);
        CHECK(read.packets[1].bytes == payload(5));
      }
    }
  }
}

TEST_CASE("FilePacketSource: a file larger than the buffer comes out whole", "[agent][capture]") {
  PcapBuilder file;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    file.packet(payload(i % 1600, static_cast<std::uint8_t>(i)), i);
  }
  const auto check = [](const Read& read) {
    REQUIRE_FALSE(read.failed);
    REQUIRE(read.packets.size() == 3000);
    for (std::uint32_t i = 0; i < 3000; ++i) {
      REQUIRE(read.packets[i].bytes == payload(i % 1600, static_cast<std::uint8_t>(i)));
    }
  };
  SECTION("plain") {
    check(read_bytes(file.view()));
  }
  SECTION("gzip") {
    check(read_bytes(gzip(file.view())));
  }
  SECTION("gzip in two members") {
    const Bytes all{file.view()};
    const Buffer first = gzip(all.first(1000));
    const Buffer second = gzip(all.subspan(1000));
    check(read_bytes(testing::join({first, second})));
  }
  SECTION("zstd") {
    check(read_bytes(zstd(file.view())));
  }
  SECTION("zstd in two frames") {
    const Bytes all{file.view()};
    const Buffer first = zstd(all.first(1000));
    const Buffer second = zstd(all.subspan(1000));
    check(read_bytes(testing::join({first, second})));
  }
  SECTION("standard input") {
    testing::TempDirectory folder;
    testing::write_file(folder.file("in"), file.view());
    const int saved = ::dup(STDIN_FILENO);
    REQUIRE(std::freopen(folder.file("in").c_str(), "rb", stdin) != nullptr);
    check(read_all("-"));
    REQUIRE(::dup2(saved, STDIN_FILENO) == STDIN_FILENO);
    ::close(saved);
  }
}

TEST_CASE("FilePacketSource: the largest packet passes and a larger one is damage",
          "[agent][capture]") {
  PcapBuilder good;
  good.packet(payload(kMaxPacketBytes));
  const Read read = read_bytes(good.view());
  REQUIRE_FALSE(read.failed);
  CHECK(read.packets.at(0).bytes.size() == kMaxPacketBytes);

  PcapBuilder bad;
  bad.packet(payload(10)).packet(payload(kMaxPacketBytes + 1));
  const Read refused = read_bytes(bad.view());
  REQUIRE(refused.failed);
  CHECK(refused.error.kind == Kind::damaged);
  CHECK(refused.error.packet == 1);
}

TEST_CASE("FilePacketSource: every way to be no capture has its own error", "[agent][capture]") {
  testing::TempDirectory folder;
  const auto fault = [](const Read& read) {
    REQUIRE(read.failed);
    CHECK(read.packets.empty());
    CHECK(read.error.text.find('\n') == std::string::npos);
    return read.error.kind;
  };
  CHECK(fault(read_all(folder.file("missing"))) == Kind::unreadable);
  CHECK(fault(read_all(folder.path())) == Kind::unreadable);
  CHECK(fault(read_bytes(Buffer{})) == Kind::empty);
  CHECK(fault(read_bytes(gzip(Buffer{}))) == Kind::empty);
  CHECK(fault(read_bytes(testing::bytes_of("%PDF-1.7 and so on, for a while"))) ==
        Kind::not_a_capture);
  CHECK(fault(read_bytes(testing::bytes_of("x"))) == Kind::not_a_capture);
  CHECK(fault(read_bytes(gzip(testing::bytes_of("just text, packed")))) == Kind::not_a_capture);
  CHECK(fault(read_bytes(Bytes{PcapBuilder{}.view()}.first(20))) == Kind::damaged);
  Buffer version = PcapBuilder{}.view();
  version[4] = 9;
  CHECK(fault(read_bytes(version)) == Kind::not_a_capture);
  Buffer magic = PcapngBuilder{}.view();
  magic[8] = 0;
  CHECK(fault(read_bytes(magic)) == Kind::not_a_capture);
}

TEST_CASE("FilePacketSource: every proper prefix gives the packets it holds, then says where",
          "[agent][capture]") {
  PcapBuilder pcap;
  PcapngBuilder pcapng;
  pcapng.interface(1);
  std::vector<std::size_t> pcap_ends{pcap.view().size()};
  std::vector<std::size_t> pcapng_ends{pcapng.view().size()};
  for (std::uint8_t i = 0; i < 4; ++i) {
    pcap.packet(payload(30, i));
    pcapng.enhanced(0, 1, payload(30, i));
    pcap_ends.push_back(pcap.view().size());
    pcapng_ends.push_back(pcapng.view().size());
  }
  for (std::size_t size = 24; size < pcap.view().size(); ++size) {
    CAPTURE(size);
    const Read read = read_bytes(Bytes{pcap.view()}.first(size));
    const auto whole = static_cast<std::size_t>(
        std::upper_bound(pcap_ends.begin(), pcap_ends.end(), size) - pcap_ends.begin() - 1);
    const bool clean = pcap_ends[whole] == size;
    CHECK(read.failed == !clean);
    CHECK(read.packets.size() == whole);
    if (read.failed) {
      CHECK(read.error.kind == Kind::damaged);
      CHECK(read.error.packet == whole);
      CHECK(read.error.text.find("packet " + std::to_string(whole)) != std::string::npos);
    }
  }
  for (std::size_t size = 12; size < pcapng.view().size(); ++size) {
    CAPTURE(size);
    const Read read = read_bytes(Bytes{pcapng.view()}.first(size));
    const auto at = std::lower_bound(pcapng_ends.begin(), pcapng_ends.end(), size);
    const bool clean = *at == size || size == 28;
    CHECK(read.failed == !clean);
    if (read.failed) {
      CHECK(read.error.kind == Kind::damaged);
      CHECK(read.error.packet == read.packets.size());
    }
  }
}

TEST_CASE("FilePacketSource: packed files that break off or are corrupt give what they held",
          "[agent][capture]") {
  PcapBuilder file;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    file.packet(payload(500, static_cast<std::uint8_t>(i * i)));
  }
  for (const bool with_zstd : {false, true}) {
    CAPTURE(with_zstd);
    Buffer packed = with_zstd ? zstd(file.view()) : gzip(file.view());
    const Read cut = read_bytes(Bytes{packed}.first(packed.size() - 9));
    REQUIRE(cut.failed);
    CHECK(cut.error.kind == Kind::damaged);
    CHECK(cut.error.packet == cut.packets.size());
    CHECK(cut.error.text.find("breaks off") != std::string::npos);
    packed[packed.size() / 2] ^= 0x55;
    packed[packed.size() / 2 + 1] ^= 0xaa;
    const Read corrupt = read_bytes(packed);
    REQUIRE(corrupt.failed);
    CHECK(corrupt.error.kind == Kind::damaged);
  }
}

TEST_CASE("FilePacketSource: pcapng interfaces keep their link type and clock",
          "[agent][capture]") {
  for (const bool big_endian : {false, true}) {
    CAPTURE(big_endian);
    PcapngBuilder file{big_endian};
    const Buffer nano{9};
    const Buffer binary{0x80 | 10};
    const Buffer picos{12};
    testing::EndianWriter offset{big_endian};
    offset.u64(1000);
    const Buffer nano_option = file.option(9, nano);
    const Buffer offset_option = file.option(14, offset.view());
    file.interface(1)
        .interface(276, 0, testing::join({nano_option, offset_option}))
        .interface(101, 0, file.option(9, binary))
        .interface(0, 0, file.option(9, picos))
        .enhanced(0, 5'000'001, payload(3))
        .enhanced(1, 5'000'000'001, payload(4), 99)
        .enhanced(2, 5 * 1024 + 512, payload(5))
        .enhanced(3, 5'000'000'001'999, payload(6))
        .simple(payload(7))
        .obsolete(1, 6'000'000'000, payload(8));
    const Read read = read_bytes(file.view());
    CAPTURE(read.error.text);
    REQUIRE_FALSE(read.failed);
    REQUIRE(read.packets.size() == 6);
    const std::vector<std::int64_t> times = {5'000'001'000, 1'005'000'000'001, 5'500'000'000,
                                             5'000'000'001, 5'000'000'001,     1'006'000'000'000};
    const std::vector<std::uint32_t> links = {1, 276, 101, 0, 1, 276};
    const std::vector<std::uint32_t> interfaces = {0, 1, 2, 3, 0, 1};
    for (std::size_t i = 0; i < 6; ++i) {
      CAPTURE(i);
      CHECK(read.packets[i].ns == times[i]);
      CHECK(read.packets[i].link_type == links[i]);
      CHECK(read.packets[i].interface == interfaces[i]);
      CHECK(read.packets[i].bytes == payload(3 + i));
    }
    CHECK(read.packets[1].wire_size == 99);
  }
}

TEST_CASE("FilePacketSource: pcapng sections may change byte order and interfaces",
          "[agent][capture]") {
  PcapngBuilder file{true};
  file.interface(1)
      .enhanced(0, 1, payload(3))
      .block(0x0bad, payload(400'000))
      .section(false)
      .interface(101)
      .enhanced(0, 2, payload(5));
  const Read read = read_bytes(file.view());
  REQUIRE_FALSE(read.failed);
  REQUIRE(read.packets.size() == 2);
  CHECK(read.packets[1].link_type == 101);
  CHECK(read.packets[1].interface == 1);
}

TEST_CASE("FilePacketSource: a simple packet is cut at the interface's snaplen",
          "[agent][capture]") {
  PcapngBuilder file;
  file.interface(1, 16).simple(payload(16), 900);
  const Read read = read_bytes(file.view());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.packets[0].bytes == payload(16));
  CHECK(read.packets[0].wire_size == 900);
}

TEST_CASE("FilePacketSource: hostile pcapng is refused, not believed", "[agent][capture]") {
  const auto refuse = [](const PcapngBuilder& file) {
    const Read read = read_bytes(file.view());
    CAPTURE(read.error.text);
    REQUIRE(read.failed);
    CHECK(read.error.kind == Kind::damaged);
  };
  PcapngBuilder file;
  SECTION("a packet of an interface that is not there") {
    file.enhanced(0, 1, payload(4));
  }
  SECTION("a block whose two lengths differ") {
    file.interface(1).enhanced(0, 1, payload(4));
    Buffer bytes = file.view();
    bytes.back() ^= 1;
    const Read read = read_bytes(bytes);
    REQUIRE(read.failed);
    CHECK(read.packets.size() == 1);
    return;
  }
  SECTION("a packet that claims more than its block") {
    testing::EndianWriter body;
    body.u32(0);
    body.u64(0);
    body.u32(5000);
    body.u32(5000);
    file.interface(1).block(6, body.view());
  }
  SECTION("a block of four gigabytes") {
    Buffer bytes = file.view();
    testing::EndianWriter more;
    more.u32(0x777);
    more.u32(0xfffffffc);
    more.u32(0);
    bytes.insert(bytes.end(), more.view().begin(), more.view().end());
    const Read read = read_bytes(bytes);
    CHECK(read.failed);
    return;
  }
  SECTION("a block shorter than a block") {
    Buffer bytes = file.view();
    testing::EndianWriter more;
    more.u32(6);
    more.u32(8);
    more.u32(8);
    bytes.insert(bytes.end(), more.view().begin(), more.view().end());
    const Read read = read_bytes(bytes);
    CHECK(read.failed);
    return;
  }
  SECTION("interfaces without end") {
    for (int i = 0; i < 5000; ++i) {
      file.interface(1);
    }
  }
  refuse(file);
}

TEST_CASE("FilePacketSource: a time beyond what a clock can hold stops at its end",
          "[agent][capture]") {
  PcapngBuilder file;
  testing::EndianWriter far;
  far.u64(0x7fffffffffffffff);
  const Buffer seconds{0};
  const Buffer resolution = file.option(9, seconds);
  const Buffer offset = file.option(14, far.view());
  file.interface(1, 0, testing::join({resolution, offset}))
      .enhanced(0, 0xffffffffffffffff, payload(4));
  const Read read = read_bytes(file.view());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.packets[0].ns > 9'000'000'000'000'000'000);
}

TEST_CASE("FilePacketSource: every single byte changed does no harm", "[agent][capture]") {
  PcapngBuilder pcapng;
  const Buffer nano{9};
  pcapng.interface(1, 0, pcapng.option(9, nano)).enhanced(0, 1, payload(8)).simple(payload(3));
  PcapBuilder pcap;
  pcap.packet(payload(8)).packet(payload(3));
  for (const Buffer& file : {pcapng.view(), pcap.view()}) {
    for (std::size_t at = 0; at < file.size(); ++at) {
      for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
        Buffer changed = file;
        changed[at] = value;
        const Read read = read_bytes(changed);
        CHECK(read.packets.size() <= 3);
      }
    }
  }
}

}  // namespace gnomon
