#include "agent/capture/kernel_filter.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"

namespace gnomon {
namespace {

using testing::Buffer;
using testing::bytes_of;
using testing::ipv4;
using testing::ipv6;
using testing::join;
using testing::tcp;
using testing::udp;

constexpr std::uint32_t kOutgoing = 4;
constexpr std::uint32_t kHost = 0;

// Shown is a packet as the kernel shows it to a filter.
struct Shown {
  Buffer bytes;  // from the network header
  std::uint32_t protocol = 0x0800;
  std::uint32_t direction = kOutgoing;
  std::uint32_t interface = 2;
};

// number reads `width` bytes, or nothing behind the end.
std::optional<std::uint32_t> number(const Buffer& bytes, std::size_t at, std::size_t width) {
  if (at > bytes.size() || width > bytes.size() - at) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value = (value << 8) | bytes[at + i];
  }
  return value;
}

// run executes classic BPF as the kernel does, as far as our programs go.
std::uint32_t run(const std::vector<sock_filter>& program, const Shown& shown) {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> cells{};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& i = program[at];
    const auto ad = [](unsigned what) { return static_cast<std::uint32_t>(SKF_AD_OFF) + what; };
    std::optional<std::uint32_t> loaded = 0;
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        loaded = i.k == ad(SKF_AD_IFINDEX)    ? shown.interface
                 : i.k == ad(SKF_AD_PKTTYPE)  ? shown.direction
                 : i.k == ad(SKF_AD_PROTOCOL) ? shown.protocol
                                              : number(shown.bytes, i.k, 4);
        break;
      case BPF_LD | BPF_B | BPF_IND:
        loaded = number(shown.bytes, std::size_t{x} + i.k, 1);
        break;
      case BPF_LD | BPF_H | BPF_IND:
        loaded = number(shown.bytes, std::size_t{x} + i.k, 2);
        break;
      case BPF_LD | BPF_W | BPF_IND:
        loaded = number(shown.bytes, std::size_t{x} + i.k, 4);
        break;
      case BPF_LD | BPF_W | BPF_LEN:
        loaded = static_cast<std::uint32_t>(shown.bytes.size());
        break;
      case BPF_LD | BPF_MEM:
        loaded = cells.at(i.k);
        break;
      case BPF_LD | BPF_IMM:
        loaded = i.k;
        break;
      case BPF_LDX | BPF_W | BPF_IMM:
        x = i.k;
        continue;
      case BPF_LDX | BPF_W | BPF_MEM:
        x = cells.at(i.k);
        continue;
      case BPF_ST:
        cells.at(i.k) = a;
        continue;
      case BPF_STX:
        cells.at(i.k) = x;
        continue;
      case BPF_MISC | BPF_TAX:
        x = a;
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= i.k;
        continue;
      case BPF_ALU | BPF_ADD | BPF_K:
        a += i.k;
        continue;
      case BPF_ALU | BPF_ADD | BPF_X:
        a += x;
        continue;
      case BPF_ALU | BPF_SUB | BPF_X:
        a -= x;
        continue;
      case BPF_ALU | BPF_LSH | BPF_K:
        a <<= i.k;
        continue;
      case BPF_ALU | BPF_RSH | BPF_K:
        a >>= i.k;
        continue;
      case BPF_JMP | BPF_JA:
        at += i.k;
        continue;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += a == i.k ? i.jt : i.jf;
        continue;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += a >= i.k ? i.jt : i.jf;
        continue;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += (a & i.k) != 0 ? i.jt : i.jf;
        continue;
      case BPF_RET | BPF_K:
        return i.k;
      default:
        FAIL("an instruction this test does not know: " << i.code);
    }
    if (!loaded) {
      return 0;
    }
    a = *loaded;
  }
  FAIL("the program runs off its end");
  return 0;
}

bool passes(const Shown& shown, const FilterScope& scope = {}) {
  return run(build_kernel_filter(scope), shown) == scope.snaplen;
}

Buffer hello(std::size_t size = 200) {
  Buffer bytes(size, 0x61);
  const Buffer head{0x16, 3, 1, 7, 0, 1};
  std::copy(head.begin(), head.end(), bytes.begin());
  return bytes;
}

Buffer segment(Bytes payload, std::uint16_t port = 443, std::uint8_t flags = 0x10) {
  return tcp(50000, port, payload, {1, flags, Buffer(12, 1)});
}

Buffer initial(std::uint8_t first, std::uint32_t version) {
  Buffer bytes(1200, 0);
  bytes[0] = first;
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[1 + i] = static_cast<std::uint8_t>(version >> (24 - 8 * i));
  }
  return bytes;
}

Buffer dtls_hello(std::uint8_t version) {
  Buffer bytes(120, 0);
  bytes[0] = 0x16;
  bytes[1] = 0xfe;
  bytes[2] = version;
  bytes[13] = 1;
  return bytes;
}

// Both wraps a transport packet in either version of IP, with and without what may stand between.
std::vector<Shown> both(std::uint8_t protocol, const Buffer& transport,
                        std::uint32_t direction = kOutgoing) {
  const Buffer v4 = ipv4(protocol, transport);
  const Buffer options = ipv4(protocol, transport, {7, 0, Buffer(8, 1), -1});
  const Buffer v6 = ipv6(protocol, transport);
  const Buffer extended = ipv6(60, join({Buffer{protocol, 1}, Buffer(14, 0), transport}));
  const Buffer first_piece = ipv6(44, join({Buffer{protocol, 0, 0, 1, 0, 0, 0, 9}, transport}));
  return {{v4, 0x0800, direction},
          {options, 0x0800, direction},
          {v6, 0x86dd, direction},
          {extended, 0x86dd, direction},
          {first_piece, 0x86dd, direction},
          {ipv4(protocol, transport, {7, 0x2000, {}, -1}), 0x0800, direction},
          {join({Buffer{0, 100, 8, 0}, v4}), 0x8100, direction},
          {join({Buffer{0, 100, 0x86, 0xdd}, v6}), 0x88a8, direction},
          {join({Buffer{0x11, 0, 0, 1, 0, 99, 0, 0x21}, v4}), 0x8864, direction}};
}

}  // namespace

TEST_CASE("KernelFilter: hellos, requests, Initials and DNS pass in every wrapping",
          "[agent][capture]") {
  const std::vector<std::pair<std::uint8_t, Buffer>> wanted = {
      {6, segment(hello())},
      {6, segment(hello(1448))},
      {6, segment(hello(6), 9999)},
      {6, segment(bytes_of("GET / HTTP/1.1\r\n"), 80)},
      {6, segment(bytes_of("CONNECT a.example:443 HTTP/1.1\r\n"), 3128)},
      {6, segment(bytes_of("the rest of a hello"), 443, 0x18)},
      {6, segment(Buffer{0x16}, 443, 0x18)},
      {6, tcp(50000, 53, bytes_of("query"))},
      {17, udp(50000, 53, bytes_of("query"))},
      {17, udp(50000, 443, initial(0xc3, 1))},
      {17, udp(50000, 8443, initial(0xd0, 0x6b3343cf))},
      {17, udp(50000, 443, initial(0xc0, 0xff00001d))},
      {17, udp(50000, 4433, dtls_hello(0xfd))},
      {17, udp(50000, 443, dtls_hello(0xff))},
  };
  for (const auto& [protocol, transport] : wanted) {
    for (const Shown& shown : both(protocol, transport)) {
      CAPTURE(protocol, transport.size(), shown.protocol, shown.bytes.size());
      CHECK(passes(shown));
    }
  }
  for (const Shown& shown : both(17, udp(53, 50000, bytes_of("answer")), kHost)) {
    CHECK(passes(shown));
  }
}

TEST_CASE("KernelFilter: bulk data and what comes in stay in the kernel", "[agent][capture]") {
  const std::vector<std::pair<std::uint8_t, Buffer>> unwanted = {
      {6, segment(Buffer(1448, 0x77))},
      {6, segment(Buffer(1448, 0x77), 443, 0x18)},
      {6, segment(Buffer(60000, 0x77), 443, 0x18)},
      {6, segment({})},
      {6, segment({}, 443, 0x02)},
      {6, segment(join({Buffer{0x17, 3, 3, 1, 0}, Buffer(256, 1)}), 443, 0x18)},
      {6, segment(bytes_of("short and pushed, to a port of its own"), 22, 0x18)},
      {6, segment(join({Buffer{0x16, 3, 3, 0, 99, 2}, Buffer(99, 1)}), 443, 0x18)},
      {17, udp(50000, 443, Buffer(1250, 0x41))},
      {17, udp(50000, 443, Buffer(1250, 0xc1))},
      {17, udp(50000, 443, Bytes{initial(0xe3, 1)})},
      {17, udp(50000, 443, Bytes{initial(0xc3, 1)}.first(60))},
      {17, udp(50000, 443, dtls_hello(0xfc))},
      {17, udp(50000, 443, join({Buffer{0x17, 0xfe, 0xfd, 0, 1}, Buffer(300, 1)}))},
      {17, udp(5353, 5353, bytes_of("mdns"))},
      {1, Buffer(64, 8)},
  };
  for (const auto& [protocol, transport] : unwanted) {
    for (const Shown& shown : both(protocol, transport)) {
      CAPTURE(protocol, transport.size(), shown.protocol);
      CHECK_FALSE(passes(shown));
    }
  }
  for (const Shown& shown : both(6, segment(hello()), kHost)) {
    CHECK_FALSE(passes(shown));
  }
  CHECK_FALSE(passes({Buffer(28, 0), 0x0806}));
}

TEST_CASE("KernelFilter: tails pass only where they are asked for", "[agent][capture]") {
  for (const Shown& shown : both(6, segment(bytes_of("the rest of a hello"), 443, 0x18))) {
    const FilterScope scope;
    CHECK(run(build_kernel_filter(scope, Tails::passed), shown) == scope.snaplen);
    CHECK(run(build_kernel_filter(scope, Tails::left_out), shown) == 0);
  }
  for (const Shown& shown : both(6, segment(hello()))) {
    const FilterScope scope;
    CHECK(run(build_kernel_filter(scope, Tails::left_out), shown) == scope.snaplen);
  }
}

TEST_CASE("KernelFilter: later fragments pass as far as an answer reaches", "[agent][capture]") {
  const Buffer part(1400, 1);
  const auto v4 = [&](std::uint16_t field) {
    return Shown{ipv4(17, part, {7, field, {}, -1}), 0x0800, kHost};
  };
  CHECK(passes(v4(185)));
  CHECK(passes(v4(0x2000 | 185)));
  CHECK(passes(v4(511)));
  CHECK_FALSE(passes(v4(512)));
  const Buffer v6 = ipv6(44, join({Buffer{17, 0, 0x05, 0xa8, 0, 0, 0, 9}, part}));
  CHECK(passes({v6, 0x86dd, kHost}));
}

TEST_CASE("KernelFilter: interfaces are let in or left out", "[agent][capture]") {
  const Shown out{ipv4(6, segment(hello())), 0x0800, kOutgoing, 7};
  CHECK(passes(out, {true, {3, 7}, 0, 4096}));
  CHECK_FALSE(passes(out, {true, {3, 8}, 0, 4096}));
  CHECK_FALSE(passes(out, {true, {}, 0, 4096}));
  CHECK_FALSE(passes(out, {false, {3, 7}, 0, 4096}));
  CHECK(passes(out, {false, {1, 3}, 0, 4096}));
  // The loopback shows everything twice; the copy that comes in is kept, and counts as outbound.
  CHECK_FALSE(passes(out, {true, {7}, 7, 4096}));
  CHECK(passes({out.bytes, 0x0800, kHost, 7}, {true, {7}, 7, 4096}));
}

TEST_CASE("KernelFilter: no prefix of a packet runs off the program", "[agent][capture]") {
  for (const Shown& whole : both(6, segment(hello()))) {
    for (std::size_t size = 0; size < whole.bytes.size(); ++size) {
      Shown prefix = whole;
      prefix.bytes.resize(size);
      passes(prefix);
    }
  }
}

TEST_CASE("KernelFilter: the kernel takes the program, also the longest", "[agent][capture]") {
  FilterScope scope;
  for (std::uint32_t i = 0; i < 200; ++i) {
    scope.interfaces.push_back(i + 1);
  }
  scope.loopback = 1;
  auto program = build_kernel_filter(scope);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(fd >= 0);
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  CHECK(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0);
  ::close(fd);
}

}  // namespace gnomon
