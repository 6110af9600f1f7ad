// The kernel filter in the kernel: packets sent through a pair of interfaces in a network
// namespace, and what rooms 1 to 4 see of them.

#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <set>
#include <string>

#include "agent/capture/flow_filter.h"
#include "agent/capture/live_packet_source.h"
#include "agent/decode/decoder.h"
#include "agent/flow/flow_table.h"
#include "agent/sight/sight.h"
#include "core/rights.h"
#include "tests/support/catch.h"
#include "tests/support/messages.h"
#include "tests/support/packet_builder.h"

namespace gnomon {
namespace {

using namespace std::chrono_literals;
using testing::Buffer;
using testing::bytes_of;
using testing::ethernet;
using testing::ipv4;
using testing::ipv6;
using testing::tcp;
using testing::udp;

constexpr std::uint8_t kPush = TcpFlags::kPsh | TcpFlags::kAck;

void run(const std::string& command) {
  // What it says is about interfaces of this test alone.
  REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(cert-env33-c): a test's own words
}

// Wire is a fresh network namespace with two interfaces that are each other's other end.
class Wire {
 public:
  Wire() {
    if (::unshare(CLONE_NEWNET) != 0) {
      std::puts("skipped: needs the right to make network namespaces (root)");
      std::exit(77);
    }
    run("ip link set lo up && ip link add here0 mtu 9000 type veth peer name there0 mtu 9000 && "
        "ip link set here0 up && ip link set there0 up");
    socket_ = ::socket(AF_PACKET, SOCK_RAW, 0);
    REQUIRE(socket_ >= 0);
    wait_for("here0", "there0");
    wait_for("there0", "here0");
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { ::close(socket_); }

  // send puts a packet on the wire at one end. What is sent at here0 goes out there.
  void send(const Buffer& packet, const char* at = "here0") {
    const bool v6 = packet[0] >> 4 == 6;
    send_frame(ethernet(v6 ? 0x86dd : 0x0800, packet), at);
  }

  // wait_for returns when what is sent at one end comes out at the other: until the kernel has seen
  // that both are up, it throws packets away without a word.
  void wait_for(const char* from, const char* to) {
    const int receiver = ::socket(AF_PACKET, SOCK_RAW, 0);
    REQUIRE(receiver >= 0);
    const Name name{to, kProbe};
    REQUIRE(::bind(receiver, name.address(), name.size()) == 0);
    bool came = false;
    for (int i = 0; i < 200 && !came; ++i) {
      send_frame(ethernet(kProbe, Buffer(46, 0)), from);
      pollfd waiting{receiver, POLLIN, 0};
      came = ::poll(&waiting, 1, 50) == 1;
    }
    ::close(receiver);
    REQUIRE(came);
  }

 private:
  static constexpr std::uint16_t kProbe = 0x88b5;  // for experiments (IEEE 802, section 9.2.4)

  // Name is an interface and an EtherType as the kernel's calls want them.
  class Name {
   public:
    Name(const char* interface, std::uint16_t type) {
      name_.sll_family = AF_PACKET;
      name_.sll_protocol = htons(type);
      name_.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
    }
    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&name_); }
    static constexpr socklen_t size() { return sizeof(sockaddr_ll); }

   private:
    sockaddr_ll name_{};
  };

  void send_frame(const Buffer& frame, const char* at) {
    const Name to{at, 0};
    REQUIRE(::sendto(socket_, frame.data(), frame.size(), 0, to.address(), to.size()) ==
            static_cast<ssize_t>(frame.size()));
  }

  int socket_ = -1;
};

// Agent is rooms 1 to 4 on one interface.
class Agent final : public SightingSink {
 public:
  explicit Agent(bool remember_flows = true, const std::string& interface = "here0")
      : decoder_(counters), flows_({}, counters), sight_({}, *this, counters) {
    LiveOptions options;
    options.interfaces = {interface};
    options.remember_flows = remember_flows;
    auto source = LivePacketSource::open(options, counters);
    REQUIRE(source);
    source_ = std::move(*source);
    REQUIRE(counters.value("capture_filter_remembers") == (remember_flows ? 1 : 0));
  }

  void on_sighting(Sighting&& sighting) override {
    marked_ = marked_ || sighting.host == kMark;
    if (sighting.source != Source::dns) {
      hosts.insert(sighting.host);
    }
  }

  // take takes in all that was sent until now: it sends a question of its own and waits for it.
  // Yields how many packets came, without that question.
  std::uint64_t take(Wire& wire) {
    const auto before = counters.value("capture_packets_total");
    wire.send(ipv4(17, udp(40000, 53, testing::DnsBuilder{}.question(kMark).build())));
    marked_ = false;
    for (int idle = 0; !marked_ && idle < 40;) {
      idle += look(250ms) ? 0 : 1;
    }
    INFO(counters.render());
    REQUIRE(marked_);
    REQUIRE(source_->dropped() == 0);
    return static_cast<std::uint64_t>(counters.value("capture_packets_total") - before) - 1;
  }

  // look takes in one packet; false when none came.
  bool look(std::chrono::milliseconds patience) {
    Packet packet;
    Datagram datagram;
    const auto pulled = source_->next(packet, patience);
    REQUIRE(pulled);
    if (*pulled != Pull::packet) {
      return false;
    }
    if (decoder_.decode(packet, datagram) == DecodeOutcome::datagram) {
      flows_.add(datagram, sight_);
    }
    return true;
  }

  Counters counters;
  std::set<std::string> hosts;

 private:
  static constexpr const char* kMark = "all.was.sent.example";

  Decoder decoder_;
  FlowTable flows_;
  Sight sight_;
  std::unique_ptr<LivePacketSource> source_;
  bool marked_ = false;
};

// Stream is one TCP connection of this machine.
struct Stream {
  bool v6 = false;
  std::uint16_t from = 50000;
  std::uint16_t to = 443;
  std::uint32_t start = 0xfffff800;  // of the first byte; the numbers wrap soon behind it

  Buffer segment(std::size_t offset, Bytes payload, std::uint8_t flags = TcpFlags::kAck) const {
    const Buffer transport =
        tcp(from, to, payload, {start + static_cast<std::uint32_t>(offset), flags, Buffer(12, 1)});
    return v6 ? ipv6(6, transport) : ipv4(6, transport);
  }
  Buffer syn() const {
    const Buffer transport = tcp(from, to, {}, {start - 1, TcpFlags::kSyn, Buffer(12, 1)});
    return v6 ? ipv6(6, transport) : ipv4(6, transport);
  }
  Buffer answer(Bytes payload) const {
    const Buffer transport = tcp(to, from, payload, {77, TcpFlags::kAck, {}});
    return v6 ? ipv6(6, transport) : ipv4(6, transport);
  }
};

struct Piece {
  std::size_t offset = 0;
  Buffer bytes;
};

std::vector<Piece> cut(const Buffer& whole, std::size_t count) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = whole.size() * i / count;
    const std::size_t end = whole.size() * (i + 1) / count;
    pieces.push_back({begin,
                      {whole.begin() + static_cast<std::ptrdiff_t>(begin),
                       whole.begin() + static_cast<std::ptrdiff_t>(end)}});
  }
  return pieces;
}

Buffer hello(const std::string& host, std::size_t padding) {
  testing::HelloSpec spec;
  spec.name = host;
  spec.padding = padding;
  return testing::client_hello_record(spec);
}

// orders_of gives all orders of few pieces, and every eleventh of many.
std::vector<std::vector<std::size_t>> orders_of(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::vector<std::vector<std::size_t>> orders;
  std::size_t number = 0;
  do {
    if (count <= 3 || number % 11 == 0) {
      orders.push_back(order);
    }
    ++number;
  } while (std::next_permutation(order.begin(), order.end()));
  return orders;
}

// loads_with says whether a process that has these rights alone can load the filter with memory.
bool loads_with(std::initializer_list<unsigned> rights) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const auto given_up = give_up_rights(rights);
    ::_exit(!given_up ? 2 : FlowFilter::load(8000, 1) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) < 2);
  return WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("Live filter: a hello in two, three or five segments is seen in every order",
          "[agent][capture]") {
  Wire wire;
  Agent agent;
  std::set<std::string> sent;
  Stream stream;
  for (const bool v6 : {false, true}) {
    for (const std::size_t count : {2U, 3U, 5U}) {
      for (const auto& order : orders_of(count)) {
        const std::string host = "h" + std::to_string(sent.size()) + ".example";
        sent.insert(host);
        stream.v6 = v6;
        ++stream.from;
        stream.to = sent.size() % 2 == 0 ? 443 : 9443;
        const auto pieces = cut(hello(host, count * 1200), count);
        wire.send(stream.syn());
        for (const std::size_t i : order) {
          const std::uint8_t flags = i + 1 == count ? kPush : TcpFlags::kAck;
          wire.send(stream.segment(pieces[i].offset, pieces[i].bytes, flags));
        }
        CHECK(agent.take(wire) == count + 1);
      }
    }
  }
  CHECK(agent.hosts == sent);
}

TEST_CASE("Live filter: without the SYN a hello is seen when its segments come in order",
          "[agent][capture]") {
  Wire wire;
  Agent agent;
  std::set<std::string> sent;
  Stream stream;
  for (const bool v6 : {false, true}) {
    for (const std::size_t count : {1U, 2U, 3U, 5U}) {
      const std::string host = "h" + std::to_string(sent.size()) + ".example";
      sent.insert(host);
      stream.v6 = v6;
      ++stream.from;
      for (const Piece& piece : cut(hello(host, count * 1200), count)) {
        wire.send(stream.segment(piece.offset, piece.bytes));
      }
      agent.take(wire);
    }
  }
  CHECK(agent.hosts == sent);
}

TEST_CASE("Live filter: a hello byte by byte, sent twice, or as large as offloading makes it",
          "[agent][capture]") {
  Wire wire;
  Agent agent;
  Stream stream;
  wire.send(stream.syn());
  const Buffer slow = hello("byte.by.byte.example", 60);
  for (std::size_t i = 0; i < slow.size(); ++i) {
    wire.send(stream.segment(i, Bytes{slow}.subspan(i, 1)));
    if (i % 100 == 99) {
      agent.take(wire);
    }
  }
  ++stream.from;
  wire.send(stream.syn());
  for (const std::size_t i : {2U, 2U, 1U, 0U}) {
    const auto pieces = cut(hello("again.example", 3000), 3);
    wire.send(stream.segment(pieces[i].offset, pieces[i].bytes));
  }
  ++stream.from;
  wire.send(stream.syn());
  wire.send(stream.segment(0, hello("offloaded.example", 7000)));
  agent.take(wire);
  CHECK(agent.hosts ==
        std::set<std::string>{"again.example", "byte.by.byte.example", "offloaded.example"});
}

TEST_CASE("Live filter: TLS that begins later on a connection is seen", "[agent][capture]") {
  Wire wire;
  Agent agent;
  Stream stream;
  stream.to = 587;
  std::size_t offset = 0;
  const auto say = [&](const Buffer& bytes) {
    wire.send(stream.segment(offset, bytes, kPush));
    offset += bytes.size();
  };
  wire.send(stream.syn());
  say(bytes_of("EHLO here.example\r\n"));
  say(bytes_of("STARTTLS\r\n"));
  for (const Piece& piece : cut(hello("mail.example", 3000), 3)) {
    say(piece.bytes);
  }
  agent.take(wire);
  CHECK(agent.hosts == std::set<std::string>{"mail.example"});
}

TEST_CASE("Live filter: bulk data in both directions stays in the kernel", "[agent][capture]") {
  Wire wire;
  Agent agent;
  const Buffer full(1400, 0x77);
  const Buffer tail(600, 0x78);
  const Buffer greeting = hello("bulk.example", 1500);
  for (const bool v6 : {false, true}) {
    Stream stream;
    stream.v6 = v6;
    wire.send(stream.syn());
    wire.send(stream.segment(0, greeting, kPush));
    CHECK(agent.take(wire) == 2);
    // What follows a hello closely may still be its end: a few segments, and never again.
    std::size_t offset = greeting.size();
    std::uint64_t passed = 0;
    for (int i = 0; i < 300; ++i) {
      wire.send(stream.segment(offset, full));
      offset += full.size();
      wire.send(stream.segment(offset, tail, kPush));
      offset += tail.size();
      wire.send(stream.answer(full), "there0");
      wire.send(stream.segment(offset, {}));
      if (i % 100 == 99) {
        passed += agent.take(wire);
        CHECK(passed <= 2);
      }
    }
    // A connection that is older than the agent.
    ++stream.from;
    for (int i = 0; i < 100; ++i) {
      wire.send(stream.segment(0, full));
      wire.send(stream.segment(full.size(), tail, kPush));
    }
    CHECK(agent.take(wire) == 0);
  }
  CHECK(agent.hosts == std::set<std::string>{"bulk.example"});
}

TEST_CASE("Live filter: an interface that comes later is watched", "[agent][capture]") {
  Wire wire;
  Agent agent{true, "late0"};
  run("ip link add late0 type veth peer name late1 && ip link set late0 up && "
      "ip link set late1 up");
  wire.wait_for("late0", "late1");
  // The news of it may come before or after the first of these.
  Stream stream;
  for (int i = 0; agent.hosts.empty() && i < 40; ++i) {
    ++stream.from;
    wire.send(stream.segment(0, hello("late.example", 100)), "late0");
    wire.send(stream.segment(0, hello("other.example", 100)), "here0");
    agent.look(100ms);
  }
  CHECK(agent.hosts == std::set<std::string>{"late.example"});
}

TEST_CASE("Live filter: without memory a hello in two segments is seen", "[agent][capture]") {
  Wire wire;
  Agent agent{false};
  std::set<std::string> sent;
  Stream stream;
  for (const bool v6 : {false, true}) {
    for (const auto& order : orders_of(2)) {
      const std::string host = "h" + std::to_string(sent.size()) + ".example";
      sent.insert(host);
      stream.v6 = v6;
      ++stream.from;
      const Buffer whole = hello(host, 1500);
      const std::vector<Piece> pieces = {{0, {whole.begin(), whole.begin() + 1300}},
                                         {1300, {whole.begin() + 1300, whole.end()}}};
      for (const std::size_t i : order) {
        wire.send(
            stream.segment(pieces[i].offset, pieces[i].bytes, i == 1 ? kPush : TcpFlags::kAck));
      }
      agent.take(wire);
    }
  }
  CHECK(agent.hosts == sent);
}

TEST_CASE("FlowFilter: the one right that the service has for it is enough, and needed",
          "[agent][capture]") {
  const Wire wire;
  CHECK(loads_with({CAP_BPF}));
  CHECK_FALSE(loads_with({CAP_NET_RAW}));
}

}  // namespace gnomon
