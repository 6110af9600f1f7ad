#include "agent/capture/interface_watch.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"

namespace gnomon {
namespace {

using testing::Buffer;

template <typename T>
Buffer raw(const T& value) {
  Buffer bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

Buffer attribute(unsigned short type, Bytes value) {
  rtattr head{};
  head.rta_len = static_cast<unsigned short>(sizeof(rtattr) + value.size());
  head.rta_type = type;
  Buffer bytes = testing::join({raw(head), value});
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

Buffer text(const std::string& value) {
  return {value.begin(), value.end() + 1};
}

Buffer link(unsigned short type, int index, unsigned flags, Bytes attributes) {
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = flags;
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof(head) + sizeof(info) + attributes.size());
  head.nlmsg_type = type;
  return testing::join({raw(head), raw(info), attributes});
}

Buffer named(const std::string& name) {
  return attribute(IFLA_IFNAME, text(name));
}
Buffer kind(const std::string& word) {
  return attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text(word)));
}
Buffer index_of(unsigned short type, std::uint32_t index) {
  return attribute(type, raw(index));
}

}  // namespace

TEST_CASE("InterfaceWatch: interfaces come, change and go", "[agent][capture]") {
  NetworkInterfaces table;
  bool complete = false;
  const Buffer fresh = link(RTM_NEWLINK, 2, IFF_UP, named("eth0"));
  CHECK(apply_link_messages(fresh, table, complete));
  CHECK_FALSE(apply_link_messages(fresh, table, complete));
  CHECK(table.at(2).name == "eth0");
  CHECK(table.at(2).up);
  CHECK(apply_link_messages(link(RTM_NEWLINK, 2, 0, named("eth0")), table, complete));
  CHECK_FALSE(table.at(2).up);
  CHECK(apply_link_messages(link(RTM_DELLINK, 2, 0, {}), table, complete));
  CHECK(table.empty());
  CHECK_FALSE(complete);
  nlmsghdr done{};
  done.nlmsg_len = sizeof(done);
  done.nlmsg_type = NLMSG_DONE;
  apply_link_messages(raw(done), table, complete);
  CHECK(complete);
}

TEST_CASE("InterfaceWatch: parts of a bridge and VLANs above a card are repeated",
          "[agent][capture]") {
  NetworkInterfaces table;
  bool complete = false;
  const Buffer all =
      testing::join({link(RTM_NEWLINK, 1, IFF_UP | IFF_LOOPBACK, named("lo")),
                     link(RTM_NEWLINK, 2, IFF_UP, named("eth0")),
                     link(RTM_NEWLINK, 3, IFF_UP,
                          testing::join({named("eth0.5"), index_of(IFLA_LINK, 2), kind("vlan")})),
                     link(RTM_NEWLINK, 4, IFF_UP, testing::join({named("br0"), kind("bridge")})),
                     link(RTM_NEWLINK, 5, IFF_UP,
                          testing::join({named("tap0"), index_of(IFLA_MASTER, 4), kind("tun")})),
                     link(RTM_NEWLINK, 6, IFF_UP,
                          testing::join({named("veth0"), index_of(IFLA_LINK, 2),
                                         index_of(IFLA_LINK_NETNSID, 0), kind("veth")})),
                     link(RTM_NEWLINK, 7, IFF_UP, testing::join({named("wg0"), kind("wireguard")})),
                     link(RTM_NEWLINK, 8, IFF_UP,
                          testing::join({named("mv0"), index_of(IFLA_LINK, 2),
                                         index_of(IFLA_LINK_NETNSID, 1), kind("macvlan")}))});
  CHECK(apply_link_messages(all, table, complete));
  CHECK(table.size() == 8);
  CHECK(table.at(1).loopback);
  CHECK(repeated_interfaces(table) == std::vector<std::uint32_t>{3, 5});
}

TEST_CASE("InterfaceWatch: cut and broken messages do no harm", "[agent][capture]") {
  const Buffer message =
      link(RTM_NEWLINK, 3, IFF_UP,
           testing::join({named("eth0.5"), index_of(IFLA_LINK, 2), kind("vlan")}));
  for (std::size_t size = 0; size < message.size(); ++size) {
    NetworkInterfaces table;
    bool complete = false;
    const Buffer prefix{message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size)};
    CHECK_FALSE(apply_link_messages(prefix, table, complete));
  }
  for (std::size_t at = 0; at < message.size(); ++at) {
    NetworkInterfaces table;
    bool complete = false;
    Buffer changed = message;
    changed[at] = 0xff;
    apply_link_messages(changed, table, complete);
  }
}

TEST_CASE("InterfaceWatch: the system's own loopback is found", "[agent][capture]") {
  auto watch = InterfaceWatch::open();
  if (!watch) {
    WARN("skipped: no rtnetlink here: " << watch.error().text());
    return;
  }
  bool found = false;
  for (const auto& [index, interface] : (*watch)->table()) {
    found = found || interface.loopback;
  }
  CHECK(found);
  CHECK_FALSE((*watch)->update());
}

}  // namespace gnomon
