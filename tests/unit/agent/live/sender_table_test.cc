// The kernel's note of senders, in the kernel: processes that send and are gone, in a network
// namespace of their own.

#include "agent/attribute/sender_table.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "agent/attribute/linux_attributor.h"
#include "core/rights.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

using namespace std::chrono_literals;

constexpr char kQuestion = 'q';
constexpr char kLongHeader = '\xc0';
constexpr std::uint16_t kDns = 53;
constexpr std::uint16_t kHttps = 443;

// enter_own_network moves this process into a fresh network namespace with a loopback interface.
void enter_own_network() {
  // What it says is about interfaces of this test alone.
  if (::unshare(CLONE_NEWNET) != 0 ||
      std::system("ip link set lo up") != 0) {  // NOLINT(cert-env33-c): a test's own words
    std::puts("skipped: needs the right to make network namespaces (root) and ip");
    std::exit(77);
  }
}

enum class Where : std::uint8_t { own_network, here };

std::unique_ptr<SenderTable> open_or_skip(Where where = Where::own_network) {
  if (where == Where::own_network) {
    enter_own_network();
  }
  auto table = SenderTable::open();
  if (!table) {
    std::printf("skipped: the kernel does not note senders here: %s\n",
                table.error().text().c_str());
    std::exit(77);
  }
  return std::move(*table);
}

Endpoint loopback(int family, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address.is_v4 = family == AF_INET;
  endpoint.port = port;
  if (endpoint.address.is_v4) {
    endpoint.address.bytes = {127, 0, 0, 1};
  } else {
    endpoint.address.bytes[15] = 1;
  }
  return endpoint;
}

// Name is an endpoint as the kernel's calls want it.
class Name {
 public:
  explicit Name(const Endpoint& endpoint) {
    if (endpoint.address.is_v4) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(endpoint.port);
      std::memcpy(&v4.sin_addr, endpoint.address.bytes.data(), 4);
      std::memcpy(&name_, &v4, sizeof(v4));
      size_ = sizeof(v4);
    } else {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(endpoint.port);
      std::memcpy(&v6.sin6_addr, endpoint.address.bytes.data(), 16);
      std::memcpy(&name_, &v6, sizeof(v6));
      size_ = sizeof(v6);
    }
  }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&name_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage name_{};
  socklen_t size_ = 0;
};

MonotonicTime now() {
  return SystemClock{}.monotonic();
}

// Sent is when a packet left: behind the making of its socket and before anybody saw it, however
// long this process waits for its turn. Nothing: the system did not send it.
using Sent = std::optional<MonotonicTime>;

// send makes a socket at `local`, sends one byte to `remote` and closes it. TCP sends its SYN, to
// which nobody listens.
Sent send(int type, const Endpoint& local, const Endpoint& remote, char byte, int made = -1) {
  const Name from{local};
  const Name to{remote};
  const int family = local.address.is_v4 ? AF_INET : AF_INET6;
  const int socket = made >= 0 ? made : ::socket(family, type, 0);
  const MonotonicTime when = now();
  const int yes = 1;
  bool sent = socket >= 0 &&
              ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
              ::bind(socket, from.address(), from.size()) == 0;
  if (type == SOCK_STREAM) {
    sent = sent && ::connect(socket, to.address(), to.size()) != 0 && errno == ECONNREFUSED;
  } else {
    sent = sent && ::sendto(socket, &byte, 1, 0, to.address(), to.size()) == 1;
  }
  ::close(socket);
  return sent ? Sent{when} : std::nullopt;
}

// Gone is a process that ended.
struct Gone {
  std::uint32_t pid = 0;
  MonotonicTime sent{};
};

// run_process does `work` in a process of its own, and yields once that is gone.
Gone run_process(const std::function<Sent()>& work) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const Sent sent = work();
    ::_exit(sent && ::write(ends[1], &*sent, sizeof(*sent)) == sizeof(*sent) ? 0 : 1);
  }
  ::close(ends[1]);
  Gone gone{static_cast<std::uint32_t>(pid), {}};
  const ssize_t told = ::read(ends[0], &gone.sent, sizeof(gone.sent));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(status == 0);
  REQUIRE(told == sizeof(gone.sent));
  return gone;
}

TEST_CASE("SenderTable: who began a flow is known when socket and process are gone",
          "[agent][attribute][live]") {
  const auto table = open_or_skip();
  struct Case {
    int family;
    int type;
    std::uint16_t to;
    char byte;
  };
  const auto [family, type, to, byte] = GENERATE(Case{AF_INET, SOCK_DGRAM, kDns, kQuestion},
                                                 Case{AF_INET6, SOCK_DGRAM, kDns, kQuestion},
                                                 Case{AF_INET, SOCK_DGRAM, kHttps, kLongHeader},
                                                 Case{AF_INET6, SOCK_DGRAM, kHttps, kLongHeader},
                                                 Case{AF_INET, SOCK_STREAM, kHttps, kQuestion},
                                                 Case{AF_INET6, SOCK_STREAM, kHttps, kQuestion});
  CAPTURE(family, type, to);
  const Endpoint local = loopback(family, 40001);
  const Endpoint remote = loopback(family, to);

  const Gone gone =
      run_process([&, kind = type, what = byte] { return send(kind, local, remote, what); });

  const Transport transport = type == SOCK_STREAM ? Transport::tcp : Transport::udp;
  const auto sender = table->find(transport, local, remote, gone.sent).sender;
  REQUIRE(sender);
  CHECK(sender->pid == gone.pid);
  CHECK(sender->uid == ::getuid());

  const Endpoint elsewhere = loopback(family, to + 1);
  CHECK_FALSE(table->find(transport, local, elsewhere, gone.sent).sender);
  const Transport other = type == SOCK_STREAM ? Transport::udp : Transport::tcp;
  CHECK_FALSE(table->find(other, local, remote, gone.sent).sender);
}

TEST_CASE("SenderTable: packets in the middle of a conversation are not noted",
          "[agent][attribute][live]") {
  const auto table = open_or_skip();
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kHttps);

  const Gone gone = run_process([&] { return send(SOCK_DGRAM, local, remote, '\x40'); });

  CHECK_FALSE(table->find(Transport::udp, local, remote, gone.sent).sender);
}

TEST_CASE("SenderTable: a note is of one packet's time, not of a port for ever",
          "[agent][attribute][live]") {
  const auto table = open_or_skip();
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kDns);
  const MonotonicTime before = now();

  const Gone gone = run_process([&] { return send(SOCK_DGRAM, local, remote, kQuestion); });

  CHECK(table->find(Transport::udp, local, remote, gone.sent).sender);
  // A packet from before this socket was made is another's, and so is one that comes much later.
  CHECK_FALSE(table->find(Transport::udp, local, remote, before).sender);
  CHECK(table->find(Transport::udp, local, remote, before).of_later_socket);
  CHECK_FALSE(table->find(Transport::udp, local, remote, gone.sent).of_later_socket);
  CHECK_FALSE(table->find(Transport::udp, local, remote, now() + 1min).sender);
}

TEST_CASE("SenderTable: a port that came to another process is that one's",
          "[agent][attribute][live]") {
  const auto table = open_or_skip();
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kDns);
  const auto ask = [&] { return send(SOCK_DGRAM, local, remote, kQuestion); };

  const Gone first = run_process(ask);
  const Gone second = run_process(ask);

  const auto sender = table->find(Transport::udp, local, remote, second.sent).sender;
  REQUIRE(sender);
  CHECK(sender->pid == second.pid);
  CHECK(sender->pid != first.pid);
}

TEST_CASE("SenderTable: a socket older than the table is nobody's, not its predecessor's",
          "[agent][attribute][live]") {
  enter_own_network();
  const int old = ::socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(old >= 0);
  const auto table = open_or_skip(Where::here);
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kDns);
  const Gone gone = run_process([&] { return send(SOCK_DGRAM, local, remote, kQuestion); });
  REQUIRE(table->find(Transport::udp, local, remote, gone.sent).sender);

  REQUIRE(send(SOCK_DGRAM, local, remote, kQuestion, old));

  CHECK_FALSE(table->find(Transport::udp, local, remote, gone.sent).sender);
}

TEST_CASE("SenderTable: what other network namespaces send is not noted",
          "[agent][attribute][live]") {
  const auto table = open_or_skip();
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kDns);

  const Gone gone = run_process([&] {
    enter_own_network();
    return send(SOCK_DGRAM, local, remote, kQuestion);
  });

  CHECK_FALSE(table->find(Transport::udp, local, remote, gone.sent).sender);
}

TEST_CASE("SenderTable: what a thread sends is its process's", "[agent][attribute][live]") {
  const auto table = open_or_skip();
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kDns);

  const Gone gone = run_process([&] {
    Sent sent;
    std::thread{[&] { sent = send(SOCK_DGRAM, local, remote, kQuestion); }}.join();
    return sent;
  });

  const auto sender = table->find(Transport::udp, local, remote, gone.sent).sender;
  REQUIRE(sender);
  CHECK(sender->pid == gone.pid);
}

TEST_CASE("SenderTable: two rights are enough to open it, and without them it says so",
          "[agent][attribute][live]") {
  open_or_skip();
  run_process([]() -> Sent {  // what the service's unit gives is enough
    const auto given_up = give_up_rights({CAP_BPF, CAP_NET_ADMIN});
    return given_up && SenderTable::open() ? Sent{now()} : std::nullopt;
  });
  run_process([]() -> Sent {
    const auto given_up = give_up_rights({CAP_BPF});
    const auto table = SenderTable::open();
    const bool refused = !table && table.error().code == std::errc::operation_not_permitted;
    return given_up && refused ? Sent{now()} : std::nullopt;
  });
  const auto nowhere = SenderTable::open("/proc");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().operation == "attach");
}

TEST_CASE("SenderTable: it is read without rights once it is open", "[agent][attribute][live]") {
  const auto table = open_or_skip();
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kDns);
  run_process([&]() -> Sent {
    const auto given_up = give_up_rights();
    const Sent sent = send(SOCK_DGRAM, local, remote, kQuestion);
    const bool found = sent && table->find(Transport::udp, local, remote, *sent).sender;
    return given_up && found ? sent : std::nullopt;
  });
}

// Group is a control group of its own, for the time of a test.
class Group {
 public:
  Group() : path_(mounted() + "/gnomon-test-" + std::to_string(::getpid())) {
    made_ = ::mkdir(path_.c_str(), 0755) == 0;
    folder_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    ::close(folder_);
    if (made_) {
      ::rmdir(path_.c_str());
    }
  }

  bool made() const { return made_; }
  const std::string& path() const { return path_; }

  // join moves this process in.
  bool join() const {
    std::FILE* file = std::fopen((path_ + "/cgroup.procs").c_str(), "we");
    return file != nullptr && std::fputs("0", file) >= 0 && std::fclose(file) == 0;
  }

  // programs is how many are attached here for packets that leave and for sockets that are made.
  std::uint32_t programs() const {
    std::uint32_t count = 0;
    for (const bpf_attach_type where : {BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_SOCK_CREATE}) {
      bpf_attr attributes{};
      std::memset(&attributes, 0, sizeof(attributes));
      attributes.query.target_fd = static_cast<std::uint32_t>(folder_);
      attributes.query.attach_type = where;
      // Without room for their numbers the kernel tells how many there are.
      ::syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof(attributes));
      count += attributes.query.prog_cnt;
    }
    return count;
  }

 private:
  static std::string mounted() {
    std::ifstream mounts{"/proc/self/mounts"};
    std::string device;
    std::string folder;
    std::string type;
    std::string rest;
    while (mounts >> device >> folder >> type && std::getline(mounts, rest)) {
      if (type == "cgroup2") {
        return folder;
      }
    }
    return "/nowhere";
  }

  std::string path_;
  bool made_ = false;
  int folder_ = -1;
};

TEST_CASE("SenderTable: a process that is killed leaves nothing of it in the kernel",
          "[agent][attribute][live]") {
  open_or_skip();
  const Group group;
  if (!group.made()) {
    WARN("no control group can be made here");
    return;
  }
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const auto table = group.join() ? SenderTable::open(group.path()) : SenderTable::open("/proc");
    const char opened = table ? 'y' : 'n';
    static_cast<void>(::write(ends[1], &opened, 1) == 1);
    ::pause();
    ::_exit(1);
  }
  char opened = 'n';
  const ssize_t told = ::read(ends[0], &opened, 1);
  const std::uint32_t during = group.programs();
  ::kill(pid, SIGKILL);
  REQUIRE(::waitpid(pid, nullptr, 0) == pid);
  REQUIRE(told == 1);
  CHECK(opened == 'y');
  CHECK(during == 2);
  // The kernel takes them away behind the end of the process.
  const MonotonicTime deadline = now() + 30s;
  while (group.programs() != 0 && now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(group.programs() == 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("LinuxAttributor: a program is named by a socket that it closed before",
          "[agent][attribute][live]") {
  auto table = open_or_skip();
  Counters counters;
  const SystemClock clock;
  auto attributor = LinuxAttributor::open(counters, clock, std::move(table));
  REQUIRE(attributor);
  const Endpoint local = loopback(AF_INET, 40001);
  const Endpoint remote = loopback(AF_INET, kDns);
  const auto ask = [&] { return send(SOCK_DGRAM, local, remote, kQuestion); };
  const auto owner = [&](MonotonicTime sent) {
    const MonotonicTime first = clock.monotonic();  // not behind the other clock: late does no harm
    return (*attributor)->owner_of(Transport::udp, local, remote, clock.wall() - (first - sent));
  };

  const Sent own = ask();
  REQUIRE(own);
  const Process alive = owner(*own);
  CHECK(alive.program == "sender_table_test");
  CHECK(alive.pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(alive.uid == ::getuid());
  CHECK(counters.value("attribute_found_total{by=\"kernel\"}") == 1);
  CHECK(counters.value("attribute_lookups_total{outcome=\"program\"}") == 1);

  // Of a process that ended, nothing is left that could name it.
  const Gone gone = run_process(ask);
  const Process ended = owner(gone.sent);
  CHECK(ended.program.empty());
  CHECK(ended.pid == 0);
  CHECK(ended.uid == ::getuid());
  CHECK(counters.value("attribute_lookups_total{outcome=\"user-only\"}") == 1);
}

TEST_CASE("LinuxAttributor: a packet is not given to who got its port afterwards",
          "[agent][attribute][live]") {
  auto table = open_or_skip();
  Counters counters;
  const SystemClock clock;
  auto attributor = LinuxAttributor::open(counters, clock, std::move(table));
  REQUIRE(attributor);
  const WallTime before = clock.wall();
  const int later = ::socket(AF_INET, SOCK_DGRAM, 0);
  const Name here{loopback(AF_INET, 40001)};
  const Name there{loopback(AF_INET, kDns)};
  REQUIRE(::bind(later, here.address(), here.size()) == 0);
  REQUIRE(::connect(later, there.address(), there.size()) == 0);
  REQUIRE(::send(later, &kQuestion, 1, 0) == 1);

  const Process nobody =
      (*attributor)
          ->owner_of(Transport::udp, loopback(AF_INET, 40001), loopback(AF_INET, kDns), before);

  CHECK(nobody.program.empty());
  CHECK_FALSE(nobody.uid);
  ::close(later);
}

TEST_CASE("LinuxAttributor: a socket that the kernel noted nothing of is asked about as ever",
          "[agent][attribute][live]") {
  enter_own_network();
  const int old = ::socket(AF_INET, SOCK_DGRAM, 0);
  const Name here{loopback(AF_INET, 40001)};
  const Name there{loopback(AF_INET, kDns)};
  REQUIRE(::bind(old, here.address(), here.size()) == 0);
  REQUIRE(::connect(old, there.address(), there.size()) == 0);
  auto table = open_or_skip(Where::here);
  Counters counters;
  const SystemClock clock;
  auto attributor = LinuxAttributor::open(counters, clock, std::move(table));
  REQUIRE(attributor);
  REQUIRE(::send(old, &kQuestion, 1, 0) == 1);

  const Process process = (*attributor)
                              ->owner_of(Transport::udp, loopback(AF_INET, 40001),
                                         loopback(AF_INET, kDns), clock.wall());

  CHECK(process.pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(process.program == "sender_table_test");
  CHECK(counters.value("attribute_found_total{by=\"kernel\"}") == 0);
  ::close(old);
}

}  // namespace
}  // namespace gnomon
