// Any bytes as a capture file: packets lie in bounds, and reading in small pieces (as a pipe
// gives them) yields the same packets as reading at once.

#include <algorithm>
#include <memory>
#include <type_traits>
#include <vector>

#include "agent/capture/byte_feed.h"
#include "agent/capture/pcap_reader.h"
#include "agent/capture/pcapng_reader.h"

namespace {

using gnomon::Bytes;

class MemoryInput final : public gnomon::ByteInput {
 public:
  MemoryInput(Bytes bytes, std::size_t step) : bytes_(bytes), step_(step) {}

  gnomon::Result<std::size_t, gnomon::CaptureError> read(std::span<std::uint8_t> into) override {
    const std::size_t count = std::min({into.size(), bytes_.size(), step_});
    std::copy_n(bytes_.begin(), count, into.begin());
    bytes_ = bytes_.subspan(count);
    return count;
  }

 private:
  Bytes bytes_;
  std::size_t step_;
};

// Summary is what must not depend on how the bytes arrive.
struct Summary {
  std::uint64_t packets = 0;
  std::uint64_t sum = 0;
  bool failed = false;

  bool operator==(const Summary&) const = default;
};

template <typename Reader>
Summary read_all(gnomon::ByteFeed& feed) {
  Summary summary;
  auto reader = Reader::open(feed, "input");
  if (!reader) {
    summary.failed = true;
    return summary;
  }
  gnomon::Packet packet;
  for (;;) {
    // Property: a packet that can be had without reading is the one that next() would give.
    bool ready = false;
    if constexpr (std::is_same_v<Reader, gnomon::PcapReader>) {
      ready = reader->take_ready(packet);
    }
    const gnomon::Result<gnomon::Pull, gnomon::CaptureError> pulled =
        ready ? gnomon::Pull::packet : reader->next(packet);
    if (!pulled || *pulled == gnomon::Pull::end) {
      summary.failed = !pulled;
      return summary;
    }
    ++summary.packets;
    for (const std::uint8_t byte : packet.bytes) {
      summary.sum = summary.sum * 31 + byte;
    }
    summary.sum =
        summary.sum * 31 + static_cast<std::uint64_t>(packet.when.time_since_epoch().count());
  }
}

Summary read_in_steps(Bytes bytes, std::size_t step) {
  gnomon::ByteFeed feed{std::make_unique<MemoryInput>(bytes, step)};
  return gnomon::PcapngReader::recognises(bytes) ? read_all<gnomon::PcapngReader>(feed)
                                                 : read_all<gnomon::PcapReader>(feed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes{data, size};
  if (read_in_steps(bytes, size + 1) != read_in_steps(bytes, 7)) {
    __builtin_trap();
  }
  return 0;
}
