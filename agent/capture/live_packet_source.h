// LivePacketSource: packets of this machine's network interfaces.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/capture/packet_source.h"
#include "core/counters.h"

namespace gnomon {

// LiveOptions are the knobs of live capture.
struct LiveOptions {
  std::vector<std::string> interfaces;  // names; none: all
  bool loopback = false;                // the loopback as well, for a resolver on this machine
  std::size_t ring_bytes = std::size_t{4} << 20;  // counts as resident memory
  // A hello of a browser is 2 KiB in one piece before offloading, and one with a long ticket 6 KiB.
  // libpcap's ring gives each packet a power of two of pages: this fills two (measured: with 4,096
  // it took the same two, and the ring was twice as large as asked for).
  std::uint32_t snaplen = 8000;
  bool remember_flows = true;  // false: the filter without memory, as where the right is missing
};

// LivePacketSource takes packets from all chosen interfaces through one socket.
//
// The kernel drops bulk data by a filter of our own (README.md says what passes). Interfaces may
// come, go and change while it runs, also those chosen by name: nothing is reopened, so it goes
// on after the right to open packet sockets was given up. Packets are shown at once (immediate
// mode), not in promiscuous mode. Each is LINKTYPE_LINUX_SLL2; Packet::interface is the system's
// index.
//
// Counts `capture_packets_total`, `capture_dropped_total` (lost in the kernel's ring),
// `capture_interfaces` (up and watched), `capture_reopened_total` and `capture_filter_remembers`
// (1 while the kernel filter knows flows, see flow_filter.h). For one thread, but stop().
class LivePacketSource final : public PacketSource {
 public:
  // open needs CAP_NET_RAW, and CAP_BPF for a filter that remembers; it goes on without the latter.
  // Fails with `refused`.
  static Result<std::unique_ptr<LivePacketSource>, CaptureError> open(const LiveOptions& options,
                                                                      Counters& counters);
  LivePacketSource(const LivePacketSource&) = delete;
  LivePacketSource& operator=(const LivePacketSource&) = delete;
  ~LivePacketSource() override;

  // next yields a packet, or idle after `patience` and after stop(). It fails only when the system
  // takes the socket away and does not give another one.
  Result<Pull, CaptureError> next(Packet& packet, std::chrono::milliseconds patience) override;

  // stop makes a waiting next() return at once, and every later one. From any thread, and from a
  // signal handler.
  void stop();

  // interfaces are the names of those that are up and watched, for a status page.
  std::vector<std::string> interfaces() const;

  // dropped is what the kernel lost since open(), brought up to date.
  std::uint64_t dropped();

 private:
  class Impl;

  explicit LivePacketSource(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon
