// Our reader beside libpcap's, on every capture there is.

#include <pcap/pcap.h>

#include <memory>
#include <string>

#include "agent/capture/file_packet_source.h"
#include "tests/support/captures.h"
#include "tests/support/catch.h"

namespace gnomon {

TEST_CASE("FilePacketSource: reads what libpcap reads, on every capture", "[agent][capture]") {
  const auto files = testing::capture_files(testing::captures_folder(GNOMON_SOURCE_DIR));
  if (files.empty()) {
    WARN("skipped: no captures (GNOMON_CAPTURES)");
    return;
  }
  std::size_t compared = 0;
  for (const std::string& path : files) {
    CAPTURE(path);
    auto source = FilePacketSource::open(path);
    REQUIRE(source);
    std::string why(PCAP_ERRBUF_SIZE, '\0');
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> pcap{
        pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                why.data()),
        &pcap_close};
    Packet packet;
    std::size_t packets = 0;
    bool same = pcap != nullptr;  // libpcap gives up on interfaces of several link types
    for (;;) {
      // Where a packet can be had without reading, it is: the way of `gnomon analyze`.
      const bool ready = (*source)->take_ready(packet);
      const Result<Pull, CaptureError> pulled = ready ? Pull::packet : (*source)->next(packet);
      if (!pulled || *pulled == Pull::end) {
        // What one takes for damage, the other must, too.
        pcap_pkthdr* none = nullptr;
        const unsigned char* nothing = nullptr;
        const int status = same ? pcap_next_ex(pcap.get(), &none, &nothing) : PCAP_ERROR_BREAK;
        CHECK((!same || status == (pulled ? PCAP_ERROR_BREAK : PCAP_ERROR)));
        break;
      }
      ++packets;
      if (!same) {
        continue;
      }
      pcap_pkthdr* header = nullptr;
      const unsigned char* bytes = nullptr;
      const int status = pcap_next_ex(pcap.get(), &header, &bytes);
      if (status != 1) {
        same = false;
        continue;
      }
      REQUIRE(packet.bytes.size() == header->caplen);
      REQUIRE(packet.wire_size == header->len);
      // libpcap takes seconds for signed: one of the captures lies in 2063.
      const auto nanos = packet.when.time_since_epoch().count();
      REQUIRE(static_cast<std::uint32_t>(nanos / 1'000'000'000) ==
              static_cast<std::uint32_t>(header->ts.tv_sec));
      REQUIRE(nanos % 1'000'000'000 == header->ts.tv_usec);
      REQUIRE(std::equal(packet.bytes.begin(), packet.bytes.end(), bytes));
    }
    CHECK(packets > 0);
    compared += same ? 1 : 0;
  }
  CHECK(compared > files.size() * 9 / 10);
}

}  // namespace gnomon
