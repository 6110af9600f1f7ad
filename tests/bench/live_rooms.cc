// Rooms 1 to 4 on a live interface, alone: what seeing costs while the machine moves data.
// Usage: bench_live_rooms [INTERFACE...]; prints a line per TLS, QUIC or HTTP name, and ends on
// SIGINT or SIGTERM with what it cost.

#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "agent/capture/live_packet_source.h"
#include "agent/decode/decoder.h"
#include "agent/flow/flow_table.h"
#include "agent/sight/sight.h"

namespace {

// Set before the signal handler is.
gnomon::LivePacketSource* running = nullptr;
volatile std::sig_atomic_t stopping = 0;

void stop(int /*signal*/) {
  stopping = 1;
  running->stop();
}

class Printer final : public gnomon::SightingSink {
 public:
  void on_sighting(gnomon::Sighting&& sighting) override {
    const auto source = gnomon::to_string(sighting.source);
    std::printf("%.*s %s\n", static_cast<int>(source.size()), source.data(), sighting.host.c_str());
  }
};

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  gnomon::Counters counters;
  gnomon::LiveOptions options;
  options.interfaces.assign(argv + 1, argv + argc);
  auto source = gnomon::LivePacketSource::open(options, counters);
  if (!source) {
    std::fprintf(stderr, "%s\n", source.error().text.c_str());
    return 2;
  }
  running = source->get();
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  std::fprintf(stderr, "ready\n");
  Printer printer;
  gnomon::Decoder decoder{counters};
  gnomon::FlowTable flows{{}, counters};
  gnomon::Sight sight{{}, printer, counters};
  gnomon::Packet packet;
  gnomon::Datagram datagram;
  while (stopping == 0) {
    const auto pulled = (*source)->next(packet, 1000ms);
    if (!pulled) {
      std::fprintf(stderr, "%s\n", pulled.error().text.c_str());
      return 2;
    }
    if (*pulled == gnomon::Pull::packet &&
        decoder.decode(packet, datagram) == gnomon::DecodeOutcome::datagram) {
      flows.add(datagram, sight);
    }
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  std::printf("{\"packets\":%jd,\"dropped\":%ju,\"cpu_s\":%.3f,\"peak_rss_kb\":%ld}\n",
              std::intmax_t{counters.value("capture_packets_total")},
              std::uintmax_t{(*source)->dropped()}, cpu, usage.ru_maxrss);
  if (std::getenv("BENCH_COUNTERS") != nullptr) {
    std::fputs(counters.render().c_str(), stderr);
  }
  return 0;
}
