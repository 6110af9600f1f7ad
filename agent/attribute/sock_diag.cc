#include "agent/attribute/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace gnomon {
namespace {

// The kernel answers within microseconds; a tenth of a second means that it never will.
constexpr timeval kPatience{0, 100'000};

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

void put_address(const IpAddress& address, __be32 (&into)[4]) {
  std::memcpy(into, address.bytes.data(), address.is_v4 ? 4 : 16);
}

}  // namespace

Result<SockDiag, IoError> SockDiag::open() {
  const int descriptor = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (descriptor < 0) {
    return Failure{IoError{"open", "sock_diag", {errno, std::generic_category()}}};
  }
  SockDiag diag{descriptor};
  if (::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)) != 0) {
    return Failure{IoError{"set up", "sock_diag", {errno, std::generic_category()}}};
  }
  return diag;
}

SockDiag::SockDiag(SockDiag&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), sequence_(other.sequence_) {}

SockDiag& SockDiag::operator=(SockDiag&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(sequence_, other.sequence_);
  return *this;
}

SockDiag::~SockDiag() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::optional<SocketOwner> SockDiag::find(Transport transport, const Endpoint& local,
                                          const Endpoint& remote) {
  if (transport == Transport::tcp) {
    return ask(IPPROTO_TCP, local, remote);
  }
  // For UDP the kernel looks for the socket that would receive a datagram from source to
  // destination, so the two are the other way round (net/ipv4/udp_diag.c says: historical).
  return ask(IPPROTO_UDP, remote, local);
}

std::optional<SocketOwner> SockDiag::ask(std::uint8_t protocol, const Endpoint& source,
                                         const Endpoint& destination) {
  Question question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.header.nlmsg_seq = ++sequence_;
  question.request.sdiag_family = source.address.is_v4 ? AF_INET : AF_INET6;
  question.request.sdiag_protocol = protocol;
  question.request.idiag_states = ~std::uint32_t{0};
  question.request.id.idiag_sport = htons(source.port);
  question.request.id.idiag_dport = htons(destination.port);
  put_address(source.address, question.request.id.idiag_src);
  put_address(destination.address, question.request.id.idiag_dst);
  question.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;

  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(descriptor_, &question, sizeof(question), 0,
               reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) < 0) {
    return std::nullopt;
  }

  // Answers to questions that were given up may still be waiting before ours.
  for (;;) {
    alignas(nlmsghdr) std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) {
      return std::nullopt;
    }
    nlmsghdr header{};
    std::memcpy(&header, buffer.data(), sizeof(header));
    if (header.nlmsg_seq != sequence_) {
      continue;
    }
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        static_cast<std::size_t>(size) < NLMSG_HDRLEN + sizeof(inet_diag_msg)) {
      return std::nullopt;
    }
    inet_diag_msg message{};
    std::memcpy(&message, buffer.data() + NLMSG_HDRLEN, sizeof(message));
    if (message.idiag_inode == 0) {
      return std::nullopt;
    }
    return SocketOwner{message.idiag_inode, message.idiag_uid};
  }
}

}  // namespace gnomon
