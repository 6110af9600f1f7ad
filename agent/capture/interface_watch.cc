#include "agent/capture/interface_watch.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <type_traits>

namespace gnomon {
namespace {

// How long the first listing may take; the kernel answers in microseconds.
constexpr int kFirstAnswerMs = 2000;

// load copies a structure of the kernel's from the front of `bytes`.
template <typename T>
std::optional<T> load(Bytes bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) {
    return std::nullopt;
  }
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

// for_each_attribute calls `take(type, value)` for a run of rtattr.
template <typename Take>
void for_each_attribute(Bytes run, const Take& take) {
  while (const auto head = load<rtattr>(run)) {
    if (head->rta_len < sizeof(rtattr) || head->rta_len > run.size()) {
      return;
    }
    // The two top bits of the type are flags (nested, network byte order).
    take(head->rta_type & 0x3fff, run.subspan(sizeof(rtattr), head->rta_len - sizeof(rtattr)));
    run = run.subspan(std::min(aligned(head->rta_len), run.size()));
  }
}

std::string text_of(Bytes value) {
  const auto end = std::find(value.begin(), value.end(), std::uint8_t{0});
  return {value.begin(), end};
}

// kind_of looks into what IFLA_LINKINFO holds.
std::string kind_of(Bytes attributes) {
  std::string kind;
  for_each_attribute(attributes, [&kind](int type, Bytes value) {
    if (type == IFLA_INFO_KIND) {
      kind = text_of(value);
    }
  });
  return kind;
}

NetworkInterface read_link(const ifinfomsg& info, Bytes attributes) {
  NetworkInterface interface;
  interface.index = static_cast<std::uint32_t>(info.ifi_index);
  interface.up = (info.ifi_flags & IFF_UP) != 0;
  interface.loopback = (info.ifi_flags & IFF_LOOPBACK) != 0;
  for_each_attribute(attributes, [&](int type, Bytes value) {
    switch (type) {
      case IFLA_IFNAME:
        interface.name = text_of(value);
        break;
      case IFLA_MASTER:
        interface.master = load<std::uint32_t>(value).value_or(0);
        break;
      case IFLA_LINK:
        interface.parent = load<std::uint32_t>(value).value_or(0);
        break;
      case IFLA_LINK_NETNSID:
        interface.parent_elsewhere = true;
        break;
      case IFLA_LINKINFO:
        interface.kind = kind_of(value);
        break;
      default:
        break;
    }
  });
  return interface;
}

}  // namespace

bool apply_link_messages(Bytes messages, NetworkInterfaces& table, bool& complete) {
  bool changed = false;
  while (const auto head = load<nlmsghdr>(messages)) {
    if (head->nlmsg_len < sizeof(nlmsghdr) || head->nlmsg_len > messages.size()) {
      break;
    }
    const Bytes body = messages.subspan(sizeof(nlmsghdr), head->nlmsg_len - sizeof(nlmsghdr));
    messages = messages.subspan(std::min(aligned(head->nlmsg_len), messages.size()));
    if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR) {
      complete = true;
      continue;
    }
    const auto info = load<ifinfomsg>(body);
    // Bridges announce their ports a second time, in a family of their own.
    if (!info || info->ifi_family != AF_UNSPEC) {
      continue;
    }
    const auto index = static_cast<std::uint32_t>(info->ifi_index);
    if (head->nlmsg_type == RTM_DELLINK) {
      changed = table.erase(index) > 0 || changed;
    } else if (head->nlmsg_type == RTM_NEWLINK) {
      NetworkInterface fresh = read_link(*info, body.subspan(sizeof(ifinfomsg)));
      NetworkInterface& known = table[index];
      if (known != fresh) {
        known = std::move(fresh);
        changed = true;
      }
    }
  }
  return changed;
}

std::vector<std::uint32_t> repeated_interfaces(const NetworkInterfaces& table) {
  std::vector<std::uint32_t> repeated;
  for (const auto& [index, interface] : table) {
    const bool part = interface.master != 0 && table.count(interface.master) > 0 &&
                      table.at(interface.master).kind != "vrf";
    const bool above = (interface.kind == "vlan" || interface.kind == "macvlan" ||
                        interface.kind == "macvtap" || interface.kind == "ipvlan") &&
                       !interface.parent_elsewhere && table.count(interface.parent) > 0;
    if (part || above) {
      repeated.push_back(index);
    }
  }
  return repeated;
}

Result<std::unique_ptr<InterfaceWatch>, IoError> InterfaceWatch::open() {
  const auto failure = [](const char* operation) {
    return Failure{IoError{operation, "rtnetlink", {errno, std::generic_category()}}};
  };
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) {
    return failure("open");
  }
  std::unique_ptr<InterfaceWatch> watch{new InterfaceWatch{fd}};
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API wants it
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failure("bind");
  }
  if (!watch->ask_for_all()) {
    return failure("ask");
  }
  return watch;
}

InterfaceWatch::~InterfaceWatch() {
  ::close(fd_);
}

bool InterfaceWatch::ask_for_all() {
  struct {
    nlmsghdr head{};
    ifinfomsg info{};
  } request;
  request.head.nlmsg_len = sizeof(request);
  request.head.nlmsg_type = RTM_GETLINK;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (::send(fd_, &request, sizeof(request), 0) < 0) {
    return false;
  }
  table_.clear();
  bool complete = false;
  while (!complete) {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, kFirstAnswerMs) != 1) {
      return false;
    }
    const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) {
      return false;
    }
    apply_link_messages(Bytes{buffer_}.first(static_cast<std::size_t>(got)), table_, complete);
  }
  return true;
}

bool InterfaceWatch::update() {
  bool changed = false;
  for (;;) {
    const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (got > 0) {
      bool complete = false;
      changed = apply_link_messages(Bytes{buffer_}.first(static_cast<std::size_t>(got)), table_,
                                    complete) ||
                changed;
    } else if (got < 0 && errno == ENOBUFS) {
      // More happened than the kernel kept for us.
      ask_for_all();
      changed = true;
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      return changed;
    }
  }
}

}  // namespace gnomon
