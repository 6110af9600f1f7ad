// The yardstick of live cost: a bare libpcap program with the filter that everybody writes.
// Usage: bench_bare_live INTERFACE; ends on SIGINT or SIGTERM and prints what it saw.

#include <pcap/pcap.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>

namespace {

// Set before the signal handler is.
pcap_t* running = nullptr;
volatile std::sig_atomic_t stopping = 0;

void stop(int /*signal*/) {
  stopping = 1;
  pcap_breakloop(running);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "bench_bare_live INTERFACE\n");
    return 2;
  }
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  pcap_t* pcap = pcap_create(argv[1], why.data());
  if (pcap == nullptr) {
    std::fprintf(stderr, "%s\n", why.data());
    return 2;
  }
  pcap_set_snaplen(pcap, 65535);
  pcap_set_promisc(pcap, 0);
  pcap_set_timeout(pcap, 100);
  pcap_set_buffer_size(pcap, 4 << 20);
  bpf_program program{};
  if (pcap_activate(pcap) < 0 || pcap_setnonblock(pcap, 0, why.data()) != 0 ||
      pcap_compile(pcap, &program, "port 53 or port 443", 1, PCAP_NETMASK_UNKNOWN) != 0 ||
      pcap_setfilter(pcap, &program) != 0) {
    std::fprintf(stderr, "%s\n", pcap_geterr(pcap));
    return 2;
  }
  running = pcap;
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  std::uint64_t packets = 0;
  pcap_pkthdr* header = nullptr;
  const unsigned char* data = nullptr;
  while (stopping == 0) {
    packets += pcap_next_ex(pcap, &header, &data) == 1 ? 1U : 0U;
  }
  pcap_stat stats{};
  pcap_stats(pcap, &stats);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  std::printf("{\"packets\":%ju,\"dropped\":%u,\"cpu_s\":%.3f,\"peak_rss_kb\":%ld}\n",
              std::uintmax_t{packets}, stats.ps_drop, cpu, usage.ru_maxrss);
  pcap_close(pcap);
  return 0;
}
