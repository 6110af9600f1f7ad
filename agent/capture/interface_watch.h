// InterfaceWatch: which network interfaces there are, as they come and go.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/byte_reader.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// NetworkInterface is what the system tells of one interface.
struct NetworkInterface {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;  // "vlan", "bridge", "wireguard" ...; empty for a card
  bool up = false;
  bool loopback = false;
  std::uint32_t master = 0;       // the bridge or bond that it is a part of
  std::uint32_t parent = 0;       // what it stands on: the card below a VLAN
  bool parent_elsewhere = false;  // the parent is in another network namespace

  bool operator==(const NetworkInterface&) const = default;
};

using NetworkInterfaces = std::map<std::uint32_t, NetworkInterface>;

// apply_link_messages takes a run of rtnetlink messages into the table; true when it changed it.
// `complete` is set by the message that ends a dump. (rtnetlink(7); all numbers in the byte order
// of the machine.)
bool apply_link_messages(Bytes messages, NetworkInterfaces& table, bool& complete);

// repeated_interfaces lists those whose packets are seen on another one as well: parts of a bridge
// or bond, and VLANs and their like above a card that is watched anyway.
std::vector<std::uint32_t> repeated_interfaces(const NetworkInterfaces& table);

// InterfaceWatch listens to the kernel. Needs no privilege. For one thread.
class InterfaceWatch {
 public:
  static Result<std::unique_ptr<InterfaceWatch>, IoError> open();
  InterfaceWatch(const InterfaceWatch&) = delete;
  InterfaceWatch& operator=(const InterfaceWatch&) = delete;
  ~InterfaceWatch();

  // fd becomes readable when there is something for update().
  int fd() const { return fd_; }

  // update takes what the kernel has told and never waits; true when an interface changed.
  bool update();

  const NetworkInterfaces& table() const { return table_; }

 private:
  explicit InterfaceWatch(int fd) : fd_(fd), buffer_(kBufferBytes) {}

  // The largest message of a dump that iproute2 expects.
  static constexpr std::size_t kBufferBytes = std::size_t{32} * 1024;

  bool ask_for_all();

  int fd_;
  NetworkInterfaces table_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace gnomon
