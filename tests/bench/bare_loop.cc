// The yardstick of offline speed: libpcap's own loop, which only counts.

#include <pcap/pcap.h>

#include <array>
#include <cstdint>
#include <cstdio>

int main(int argc, char** argv) {
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  pcap_t* pcap = argc == 2 ? pcap_open_offline(argv[1], why.data()) : nullptr;
  if (pcap == nullptr) {
    std::fprintf(stderr, "bench_bare_loop FILE: %s\n", why.data());
    return 2;
  }
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  pcap_pkthdr* header = nullptr;
  const unsigned char* data = nullptr;
  while (pcap_next_ex(pcap, &header, &data) == 1) {
    ++packets;
    bytes += header->len;
  }
  pcap_close(pcap);
  std::printf("{\"packets\":%ju,\"bytes\":%ju}\n", std::uintmax_t{packets}, std::uintmax_t{bytes});
  return 0;
}
