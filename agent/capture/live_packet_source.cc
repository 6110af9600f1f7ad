#include "agent/capture/live_packet_source.h"

#include <pcap/pcap.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "agent/capture/flow_filter.h"
#include "agent/capture/interface_watch.h"
#include "agent/capture/kernel_filter.h"
#include "core/clock.h"
#include "core/fixed_fields.h"
#include "core/log.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kLinuxSll2 = 276;
constexpr std::size_t kSll2Bytes = 20;

// How often the kernel is asked what it dropped, and how long to wait before a lost socket is
// opened again.
constexpr std::chrono::seconds kStatsEvery{1};
constexpr std::chrono::seconds kReopenEvery{1};

CaptureError refused(const std::string& text) {
  return CaptureError{CaptureError::Kind::refused, text};
}

}  // namespace

class LivePacketSource::Impl {
 public:
  Impl(LiveOptions options, Counters& counters)
      : options_(std::move(options)),
        packets_(counters.counter("capture_packets_total", "packets that passed the filter")),
        dropped_(counters.counter("capture_dropped_total",
                                  "packets that passed the filter and found the ring full")),
        reopened_(counters.counter("capture_reopened_total", "times the socket was opened again")),
        interfaces_(counters.gauge("capture_interfaces", "interfaces that are up and watched")),
        remembers_(counters.gauge("capture_filter_remembers",
                                  "1 while the kernel filter knows where flows began")) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (stop_fd_ >= 0) {
      ::close(stop_fd_);
    }
  }

  Result<Ok, CaptureError> open() {
    stop_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auto watch = InterfaceWatch::open();
    if (!watch) {
      return Failure{refused("cannot watch interfaces: " + watch.error().text())};
    }
    watch_ = std::move(*watch);
    for (const std::string& name : options_.interfaces) {
      const auto& table = watch_->table();
      if (std::none_of(table.begin(), table.end(),
                       [&](const auto& entry) { return entry.second.name == name; })) {
        log::warn("capture.interface_missing", {{"name", name}});
      }
    }
    load_flow_filter();
    if (auto opened = open_socket(); !opened) {
      return opened;
    }
    follow_interfaces();
    return Ok{};
  }

  Result<Pull, CaptureError> next(Packet& packet, milliseconds patience) {
    const MonotonicTime deadline = clock_.monotonic() + patience;
    for (;;) {
      if (pcap_ != nullptr) {
        pcap_pkthdr* header = nullptr;
        const unsigned char* bytes = nullptr;
        const int status = ::pcap_next_ex(pcap_.get(), &header, &bytes);
        if (status == 1 && take(*header, bytes, packet)) {
          return Pull::packet;
        }
        if (status == 1) {
          continue;
        }
        if (status < 0) {
          log::warn("capture.socket_lost", {{"reason", ::pcap_geterr(pcap_.get())}});
          pcap_.reset();
          lost_at_ = clock_.monotonic();
        }
      }
      const MonotonicTime now = clock_.monotonic();
      if (pcap_ == nullptr && now - lost_at_ >= kReopenEvery) {
        lost_at_ = now;
        if (auto opened = open_socket(); !opened) {
          return Failure{opened.error()};
        }
        reopened_.add_alone();
      }
      if (now - stats_at_ >= kStatsEvery) {
        count_dropped();
      }
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - now);
      if (!wait(std::max(left, milliseconds{0})) || left <= milliseconds{0}) {
        return Pull::idle;
      }
    }
  }

  void stop() const {
    const std::uint64_t one = 1;
    // Nothing can be done about a failure, and there is none but a counter at its end.
    static_cast<void>(::write(stop_fd_, &one, sizeof(one)) == sizeof(one));
  }

  std::vector<std::string> interfaces() const {
    std::vector<std::string> names;
    for (const auto& [index, interface] : watch_->table()) {
      if (interface.up && is_watched(interface)) {
        names.push_back(interface.name);
      }
    }
    return names;
  }

  std::uint64_t dropped() {
    count_dropped();
    return dropped_.value();
  }

 private:
  struct ClosePcap {
    void operator()(pcap_t* pcap) const { ::pcap_close(pcap); }
  };

  Result<Ok, CaptureError> open_socket() {
    std::array<char, PCAP_ERRBUF_SIZE> why{};
    std::unique_ptr<pcap_t, ClosePcap> pcap{::pcap_create("any", why.data())};
    if (pcap == nullptr) {
      return Failure{refused(std::string{"cannot capture: "} + why.data())};
    }
    ::pcap_set_snaplen(pcap.get(), static_cast<int>(options_.snaplen + kSll2Bytes));
    ::pcap_set_promisc(pcap.get(), 0);
    ::pcap_set_immediate_mode(pcap.get(), 1);
    ::pcap_set_buffer_size(pcap.get(), static_cast<int>(options_.ring_bytes));
    ::pcap_set_tstamp_precision(pcap.get(), PCAP_TSTAMP_PRECISION_NANO);
    const int status = ::pcap_activate(pcap.get());
    if (status == PCAP_ERROR_PERM_DENIED) {
      return Failure{refused("no right to capture: run as root or give it CAP_NET_RAW")};
    }
    if (status < 0) {
      return Failure{refused(std::string{"cannot capture: "} + ::pcap_geterr(pcap.get()))};
    }
    if (::pcap_set_datalink(pcap.get(), DLT_LINUX_SLL2) != 0 ||
        ::pcap_setnonblock(pcap.get(), 1, why.data()) != 0) {
      return Failure{refused(std::string{"cannot capture: "} + ::pcap_geterr(pcap.get()))};
    }
    pcap_ = std::move(pcap);
    dropped_before_ = 0;
    return attach(scope_of_now());
  }

  bool is_watched(const NetworkInterface& interface) const {
    if (!options_.interfaces.empty()) {
      return std::find(options_.interfaces.begin(), options_.interfaces.end(), interface.name) !=
             options_.interfaces.end();
    }
    const auto repeated = repeated_interfaces(watch_->table());
    return (options_.loopback || !interface.loopback) &&
           std::find(repeated.begin(), repeated.end(), interface.index) == repeated.end();
  }

  FilterScope scope_of_now() const {
    FilterScope scope;
    scope.snaplen = options_.snaplen;
    scope.only_listed = !options_.interfaces.empty();
    for (const auto& [index, interface] : watch_->table()) {
      const bool watched = is_watched(interface);
      if (watched == scope.only_listed) {
        scope.interfaces.push_back(index);
      }
      if (watched && interface.loopback) {
        scope.loopback = index;
      }
    }
    return scope;
  }

  // load_flow_filter is for once, before the right to load programs is given up.
  void load_flow_filter() {
    if (!options_.remember_flows) {
      return;
    }
    const auto& table = watch_->table();
    const auto loopback = std::find_if(table.begin(), table.end(),
                                       [](const auto& entry) { return entry.second.loopback; });
    auto loaded = FlowFilter::load(options_.snaplen, loopback == table.end() ? 0 : loopback->first);
    if (!loaded) {
      log::info("capture.filter_forgets", {{"reason", loaded.error().text()}});
      return;
    }
    flow_filter_ = std::move(*loaded);
    remembers_.set(1);
  }

  // attach hands the filter to the kernel itself. libpcap's pcap_setfilter would run it again in
  // this process over packets that came before, where the direction is not known and an outbound
  // hello is thrown away.
  Result<Ok, CaptureError> attach(const FilterScope& scope) {
    if (flow_filter_ != nullptr) {
      flow_filter_->choose(scope);
      if (const auto attached = flow_filter_->attach(::pcap_fileno(pcap_.get())); !attached) {
        return Failure{refused("cannot filter: " + attached.error().text())};
      }
      scope_ = scope;
      return Ok{};
    }
    std::vector<sock_filter> program = build_kernel_filter(scope);
    sock_fprog filter{};
    filter.len = static_cast<unsigned short>(program.size());
    filter.filter = program.data();
    if (::setsockopt(::pcap_fileno(pcap_.get()), SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                     sizeof(filter)) != 0) {
      return Failure{
          refused("cannot attach the kernel filter: " + std::generic_category().message(errno))};
    }
    scope_ = scope;
    return Ok{};
  }

  void follow_interfaces() {
    const std::vector<std::string> names = interfaces();
    for (const std::string& name : names) {
      if (std::find(watched_.begin(), watched_.end(), name) == watched_.end()) {
        log::info("capture.interface_watched", {{"name", name}});
      }
    }
    for (const std::string& name : watched_) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        log::info("capture.interface_gone", {{"name", name}});
      }
    }
    watched_ = names;
    interfaces_.set(static_cast<std::int64_t>(names.size()));
    FilterScope scope = scope_of_now();
    if (flow_filter_ != nullptr) {
      flow_filter_->choose(scope);
      scope_ = scope;
    } else if (pcap_ != nullptr && scope != scope_) {
      if (const auto attached = attach(scope); !attached) {
        log::error("capture.filter_refused", {{"reason", attached.error().text}});
      }
    }
  }

  // take fills a packet from what libpcap gave; false for what is no whole SLL2 header.
  bool take(const pcap_pkthdr& header, const unsigned char* bytes, Packet& packet) {
    if (header.caplen < kSll2Bytes) {
      return false;
    }
    packet.when = WallTime{std::chrono::seconds{header.ts.tv_sec} +
                           std::chrono::nanoseconds{header.ts.tv_usec}};
    packet.link_type = kLinuxSll2;
    packet.wire_size = header.len;
    packet.bytes = Bytes{bytes, header.caplen};
    packet.interface = be32<4>(packet.bytes.first<kSll2Bytes>());
    packets_.add_alone();
    return true;
  }

  // wait sleeps until there is something to do; false when a stop was asked for.
  bool wait(milliseconds patience) {
    std::array<pollfd, 3> waiting{
        {{stop_fd_, POLLIN, 0}, {watch_->fd(), POLLIN, 0}, {-1, POLLIN, 0}}};
    if (pcap_ != nullptr) {
      waiting[2].fd = ::pcap_get_selectable_fd(pcap_.get());
    } else {
      patience = std::min<milliseconds>(patience, kReopenEvery);
    }
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(patience.count()));
    if (ready > 0 && waiting[1].revents != 0 && watch_->update()) {
      follow_interfaces();
    }
    return waiting[0].revents == 0;
  }

  void count_dropped() {
    stats_at_ = clock_.monotonic();
    pcap_stat stats{};
    if (pcap_ == nullptr || ::pcap_stats(pcap_.get(), &stats) != 0) {
      return;
    }
    // libpcap's count has 32 bits and may wrap.
    dropped_.add_alone(static_cast<std::uint32_t>(stats.ps_drop - dropped_before_));
    dropped_before_ = stats.ps_drop;
  }

  LiveOptions options_;
  SystemClock clock_;
  Counter& packets_;
  Counter& dropped_;
  Counter& reopened_;
  Gauge& interfaces_;
  Gauge& remembers_;
  std::unique_ptr<InterfaceWatch> watch_;
  std::unique_ptr<FlowFilter> flow_filter_;
  std::unique_ptr<pcap_t, ClosePcap> pcap_;
  FilterScope scope_;
  std::vector<std::string> watched_;
  MonotonicTime stats_at_{};
  MonotonicTime lost_at_{};
  std::uint32_t dropped_before_ = 0;
  int stop_fd_ = -1;
};

LivePacketSource::LivePacketSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LivePacketSource::~LivePacketSource() = default;

Result<std::unique_ptr<LivePacketSource>, CaptureError> LivePacketSource::open(
    const LiveOptions& options, Counters& counters) {
  auto impl = std::make_unique<Impl>(options, counters);
  if (auto opened = impl->open(); !opened) {
    return Failure{opened.error()};
  }
  return std::unique_ptr<LivePacketSource>{new LivePacketSource{std::move(impl)}};
}

Result<Pull, CaptureError> LivePacketSource::next(Packet& packet, milliseconds patience) {
  return impl_->next(packet, patience);
}

void LivePacketSource::stop() {
  impl_->stop();
}

std::vector<std::string> LivePacketSource::interfaces() const {
  return impl_->interfaces();
}

std::uint64_t LivePacketSource::dropped() {
  return impl_->dropped();
}

}  // namespace gnomon
