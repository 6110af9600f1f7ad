// SenderTable asks the kernel to note whose socket a flow's first packet leaves from.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/decode/datagram.h"
#include "agent/kernel/kernel_object.h"
#include "core/clock.h"
#include "core/io_error.h"
#include "core/ip_address.h"
#include "core/result.h"

namespace gnomon {

// Sender is who made the socket that a packet left from.
struct Sender {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
};

// Note is what the kernel noted of a packet.
struct Note {
  std::optional<Sender> sender;
  // The socket that these ends belong to was made after the packet was seen. Whoever has it now is
  // not whom the packet came from, and that one has it no more.
  bool of_later_socket = false;
};

// SenderTable is two programs in the kernel and what they write: one notes who makes a socket, the
// other which socket the first packet of a flow leaves from, before anybody sees that packet. So an
// owner is known whose socket is closed by then, as that of a question which was answered at once.
//
// It knows sockets of our own network namespace that were made since open(), by processes of the
// control group and those below. Nothing is stored; the kernel forgets all of it when the table is
// destroyed or the process ends, however it ends. What is read afterwards needs no right and no
// system call. For one thread.
class SenderTable {
 public:
  // open needs CAP_BPF and CAP_NET_ADMIN, and Linux 5.14; `cgroup` is a folder of cgroup2, by
  // default the whole of what is mounted. It proves on a socket of this process that it works, and
  // fails where it does not: in a container of which the kernel counts the processes otherwise, or
  // where packets do not pass the control group.
  static Result<std::unique_ptr<SenderTable>, IoError> open(const std::string& cgroup = {});
  SenderTable(const SenderTable&) = delete;
  SenderTable& operator=(const SenderTable&) = delete;
  ~SenderTable();

  // find yields who made the socket that the packet seen at `when` left from; nobody for one that
  // begins no flow, and for a socket that was older than kYouth: its maker's number may be
  // another's by now. `when` may be a little early but not late.
  Note find(Transport transport, const Endpoint& local, const Endpoint& remote,
            MonotonicTime when) const;

 private:
  // The kernel gives numbers of processes again when it went through all of them: tens of thousands
  // of new processes, on most systems four millions.
  static constexpr std::chrono::seconds kYouth{10};
  // A packet is noted microseconds before it is seen, and waits longer only in a full queue or for
  // the address of a machine that was not spoken to before. An older note is an earlier socket's.
  static constexpr std::chrono::seconds kMostBefore{1};

  SenderTable() = default;

  Result<Ok, IoError> load();
  Result<Ok, IoError> attach(const std::string& cgroup);
  Result<Ok, IoError> prove() const;

  KernelObject makers_;
  KernelObject departures_;
  KernelObject birth_program_;
  KernelObject departure_program_;
  KernelObject birth_hook_;
  KernelObject departure_hook_;
  const std::byte* shared_ = nullptr;  // kDepartures places, written by the kernel
};

}  // namespace gnomon
