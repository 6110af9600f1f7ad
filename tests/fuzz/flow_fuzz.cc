// Any cut, order and repetition of one stream gives a prefix of that stream; and a table fed with
// anything keeps its bounds. The input is a run of segments of 6 bytes: what (1), place (2),
// length (2), time (1).

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "agent/flow/flow_table.h"

namespace {

using gnomon::Bytes;

constexpr std::size_t kStreamBytes = 40000;

const std::vector<std::uint8_t>& stream() {
  static const std::vector<std::uint8_t> bytes = [] {
    std::vector<std::uint8_t> made(kStreamBytes);
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = static_cast<std::uint8_t>(i ^ (i >> 7U));
    }
    constexpr std::array<std::uint8_t, 6> kHello = {0x16, 3, 1, 2, 0, 1};
    std::copy(kHello.begin(), kHello.end(), made.begin());
    return made;
  }();
  return bytes;
}

// Checker knows where in the stream each side is, by what it consumed.
class Checker final : public gnomon::FlightSink {
 public:
  explicit Checker(std::uint8_t appetite) : appetite_(appetite) {}

  gnomon::Appetite on_flight(const gnomon::Flight& flight) override {
    if (flight.bytes.empty()) {
      __builtin_trap();
    }
    // Property: with its start known, the flight is what the stream holds at this place.
    if (flight.transport == gnomon::Transport::tcp && flight.from_start &&
        flight.side == gnomon::Side::client) {
      std::size_t& place = places_[flight.flow];
      const auto whole = Bytes{stream()};
      if (place + flight.bytes.size() > whole.size() ||
          !std::equal(flight.bytes.begin(), flight.bytes.end(),
                      whole.begin() + static_cast<std::ptrdiff_t>(place))) {
        __builtin_trap();
      }
      const std::size_t consumed = flight.bytes.size() * appetite_ / 255;
      place += consumed;
      return {consumed, false};
    }
    return {flight.bytes.size() * appetite_ / 255, appetite_ % 16 == 0};
  }
  void on_flow_end(gnomon::FlowId /*flow*/) override {}

 private:
  std::uint8_t appetite_;
  std::map<gnomon::FlowId, std::size_t> places_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gnomon::ByteReader input{Bytes{data, size}};
  Checker sink{input.u8()};
  // Made once: with new counters each time, most of an execution was naming them.
  static gnomon::Counters counters;
  gnomon::FlowLimits limits;
  limits.flows = 3;
  limits.small_flights = 2;
  limits.large_flights = 1;
  limits.settled = 4;
  gnomon::FlowTable table{limits, counters};
  const std::uint32_t begin = input.u32();
  std::int64_t seconds = 0;
  while (input.remaining() >= 6) {
    const std::uint8_t what = input.u8();
    const std::size_t place = input.u16() % kStreamBytes;
    const std::size_t length = std::min<std::size_t>(input.u16() % 3000, kStreamBytes - place);
    seconds += input.u8() / 16;
    gnomon::Datagram datagram;
    datagram.when = gnomon::WallTime{std::chrono::seconds{seconds}};
    datagram.source.port = 50000;
    datagram.source.port = static_cast<std::uint16_t>(datagram.source.port + (what & 3U));
    datagram.destination.port = 443;
    datagram.transport =
        (what & 4U) != 0 && (what & 8U) != 0 ? gnomon::Transport::udp : gnomon::Transport::tcp;
    datagram.payload = Bytes{stream()}.subspan(place, length);
    datagram.tcp_sequence = begin + 1 + static_cast<std::uint32_t>(place);
    if ((what & 16U) != 0) {
      datagram.tcp_flags = gnomon::TcpFlags::kSyn;
      datagram.tcp_sequence = begin;
      datagram.payload = Bytes{stream()}.first((what & 32U) != 0 ? length : 0);
    }
    if ((what & 64U) != 0 && (what & 16U) == 0) {
      std::swap(datagram.source, datagram.destination);
    }
    datagram.missing = what == 255 ? 100 : 0;
    if (datagram.transport == gnomon::Transport::udp && datagram.payload.empty()) {
      continue;
    }
    table.add(datagram, sink);
    if (table.active_flows() > limits.flows || table.waiting_flights() > 3) {
      __builtin_trap();
    }
  }
  table.finish(sink);
  if (table.active_flows() != 0 || table.waiting_flights() != 0) {
    __builtin_trap();
  }
  return 0;
}
