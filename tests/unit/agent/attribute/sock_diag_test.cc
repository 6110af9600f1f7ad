#include "agent/attribute/sock_diag.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "agent/attribute/linux_attributor.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

namespace gnomon {
namespace {

// Socket is one loopback socket of this process.
class Socket {
 public:
  Socket(int family, int type) : descriptor_(::socket(family, type, 0)), family_(family) {
    REQUIRE(descriptor_ >= 0);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::close(descriptor_); }

  bool bind_loopback() const {
    sockaddr_storage address = loopback(0);
    return ::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), size()) == 0;
  }
  bool listen() const { return ::listen(descriptor_, 1) == 0; }
  bool connect(const Endpoint& to) const {
    sockaddr_storage address = loopback(to.port);
    return ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), size()) == 0;
  }
  Endpoint local() const {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    REQUIRE(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    Endpoint endpoint;
    endpoint.address.is_v4 = family_ == AF_INET;
    if (family_ == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, &address, sizeof(v4));
      std::memcpy(endpoint.address.bytes.data(), &v4.sin_addr, 4);
      endpoint.port = ntohs(v4.sin_port);
    } else {
      sockaddr_in6 v6{};
      std::memcpy(&v6, &address, sizeof(v6));
      std::memcpy(endpoint.address.bytes.data(), &v6.sin6_addr, 16);
      endpoint.port = ntohs(v6.sin6_port);
    }
    return endpoint;
  }
  std::uint32_t inode() const {
    struct stat about {};
    REQUIRE(::fstat(descriptor_, &about) == 0);
    return static_cast<std::uint32_t>(about.st_ino);
  }

 private:
  socklen_t size() const { return family_ == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }
  sockaddr_storage loopback(std::uint16_t port) const {
    sockaddr_storage address{};
    if (family_ == AF_INET) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      std::memcpy(&address, &v4, sizeof(v4));
    } else {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      v6.sin6_addr = in6addr_loopback;
      std::memcpy(&address, &v6, sizeof(v6));
    }
    return address;
  }

  int descriptor_;
  int family_;
};

TEST_CASE("SockDiag: a socket of this machine is found by its two ends", "[agent][attribute]") {
  const auto [family, type] =
      GENERATE(std::pair{AF_INET, SOCK_STREAM}, std::pair{AF_INET6, SOCK_STREAM},
               std::pair{AF_INET, SOCK_DGRAM}, std::pair{AF_INET6, SOCK_DGRAM});
  CAPTURE(family, type);
  const Socket server{family, type};
  const Socket client{family, type};
  if (!server.bind_loopback()) {
    WARN("no loopback address of this family here");
    return;
  }
  REQUIRE((type == SOCK_DGRAM || server.listen()));
  REQUIRE(client.connect(server.local()));

  auto diag = SockDiag::open();
  REQUIRE(diag);
  const Transport transport = type == SOCK_STREAM ? Transport::tcp : Transport::udp;
  const auto owner = diag->find(transport, client.local(), server.local());
  REQUIRE(owner);
  CHECK(owner->inode == client.inode());
  CHECK(owner->uid == ::getuid());
}

TEST_CASE("SockDiag: a socket that nobody has is not found", "[agent][attribute]") {
  auto diag = SockDiag::open();
  REQUIRE(diag);
  Endpoint nowhere;
  nowhere.address.bytes = {192, 0, 2, 1};
  nowhere.port = 9;
  CHECK_FALSE(diag->find(Transport::tcp, nowhere, nowhere));
  CHECK_FALSE(diag->find(Transport::udp, nowhere, nowhere));
}

TEST_CASE("LinuxAttributor: names this very process, and counts each outcome",
          "[agent][attribute]") {
  const Socket server{AF_INET, SOCK_STREAM};
  const Socket client{AF_INET, SOCK_STREAM};
  REQUIRE(server.bind_loopback());
  REQUIRE(server.listen());
  REQUIRE(client.connect(server.local()));
  Counters counters;
  const testing::ManualClock clock;
  auto attributor = LinuxAttributor::open(counters, clock);
  REQUIRE(attributor);

  const Process process =
      (*attributor)->owner_of(Transport::tcp, client.local(), server.local(), clock.wall());
  CHECK(process.pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(process.program == "attribute_test");
  CHECK(process.uid == ::getuid());
  CHECK(counters.value("attribute_lookups_total{outcome=\"program\"}") == 1);

  Endpoint nowhere;
  nowhere.port = 1;
  const Process nobody = (*attributor)->owner_of(Transport::tcp, nowhere, nowhere, clock.wall());
  CHECK_FALSE(nobody.uid);
  CHECK(nobody.program.empty());
  CHECK(counters.value("attribute_lookups_total{outcome=\"unknown\"}") == 1);
}

TEST_CASE("LinuxAttributor: a flood of flows is not asked about beyond its ration",
          "[agent][attribute]") {
  const Socket server{AF_INET, SOCK_STREAM};
  const Socket client{AF_INET, SOCK_STREAM};
  REQUIRE(server.bind_loopback());
  REQUIRE(server.listen());
  REQUIRE(client.connect(server.local()));
  Counters counters;
  testing::ManualClock clock;
  auto attributor = LinuxAttributor::open(counters, clock);
  REQUIRE(attributor);
  const auto ask = [&] {
    return (*attributor)
        ->owner_of(Transport::tcp, client.local(), server.local(), clock.wall())
        .uid.has_value();
  };
  for (std::uint32_t i = 0; i < LinuxAttributor::kQuestionsPerSecond; ++i) {
    REQUIRE(ask());
  }
  CHECK_FALSE(ask());
  clock.advance(std::chrono::seconds{1});
  CHECK(ask());
}

}  // namespace
}  // namespace gnomon
