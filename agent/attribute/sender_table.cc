#include "agent/attribute/sender_table.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mntent.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "agent/attribute/proc_folder.h"
#include "agent/attribute/sender_programs.h"
#include "agent/kernel/kernel_calls.h"

namespace gnomon {
namespace {

constexpr std::size_t kSharedBytes = std::size_t{kDepartures} * sizeof(Departure);

#ifndef SO_NETNS_COOKIE
constexpr int SO_NETNS_COOKIE = 71;  // Linux 5.14
#endif

IoError fault(const char* operation, const std::string& what, int code = errno) {
  return IoError{operation, what, {code, std::generic_category()}};
}

// control_groups is where cgroup2 is mounted; empty where it is not.
std::string control_groups() {
  struct Close {
    void operator()(std::FILE* file) const { ::endmntent(file); }
  };
  const std::unique_ptr<std::FILE, Close> mounts{::setmntent("/proc/self/mounts", "re")};
  mntent entry{};
  std::array<char, 4096> text{};
  while (mounts && ::getmntent_r(mounts.get(), &entry, text.data(), text.size()) != nullptr) {
    if (std::string_view{entry.mnt_type} == "cgroup2") {
      return entry.mnt_dir;
    }
  }
  return {};
}

DepartureKey key_of(Transport transport, const Endpoint& local, const Endpoint& remote) {
  DepartureKey key;
  const bool v4 = local.address.is_v4;
  const std::size_t size = v4 ? 4 : 16;
  std::memcpy(&key.addresses[0], local.address.bytes.data(), size);
  std::memcpy(&key.addresses[size], remote.address.bytes.data(), size);
  key.local_port = htons(local.port);
  key.remote_port = htons(remote.port);
  key.kind = departure_kind(v4 ? 4 : 6, transport == Transport::tcp ? IPPROTO_TCP : IPPROTO_UDP);
  return key;
}

std::uint64_t shared_word(const std::byte* at, std::memory_order order) {
  // What atomic_ref refers to may not be constant before C++26; nothing is written here.
  auto& word = *const_cast<std::uint64_t*>(reinterpret_cast<const std::uint64_t*>(at));
  return std::atomic_ref{word}.load(order);
}

// read takes a place whole; nothing while the kernel is writing it.
std::optional<Departure> read(const std::byte* place) {
  std::array<std::uint64_t, sizeof(Departure) / sizeof(std::uint64_t)> words{};
  words[0] = shared_word(place, std::memory_order_acquire);
  for (std::size_t i = 1; i < words.size(); ++i) {
    words.at(i) = shared_word(place + i * sizeof(std::uint64_t), std::memory_order_relaxed);
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  if (words[0] % 2 != 0 || shared_word(place, std::memory_order_relaxed) != words[0]) {
    return std::nullopt;
  }
  return std::bit_cast<Departure>(words);
}

// Probe is a socket of this process on the loopback interface that sends to itself.
class Probe {
 public:
  Probe() : descriptor_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  std::optional<Endpoint> send() const {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(own);
    auto* name = reinterpret_cast<sockaddr*>(&own);
    constexpr char kLongHeader = '\xc0';  // as if a flow of QUIC began
    if (::bind(descriptor_, name, size) != 0 || ::getsockname(descriptor_, name, &size) != 0 ||
        ::sendto(descriptor_, &kLongHeader, 1, 0, name, size) != 1) {
      return std::nullopt;
    }
    Endpoint endpoint;
    endpoint.address.is_v4 = true;
    std::memcpy(endpoint.address.bytes.data(), &own.sin_addr, 4);
    endpoint.port = ntohs(own.sin_port);
    return endpoint;
  }

  // network_namespace is the kernel's number for the one this socket is in; 0: not told.
  std::uint64_t network_namespace() const {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    return ::getsockopt(descriptor_, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0 ? cookie : 0;
  }

 private:
  int descriptor_;
};

}  // namespace

Result<std::unique_ptr<SenderTable>, IoError> SenderTable::open(const std::string& cgroup) {
  std::unique_ptr<SenderTable> table{new SenderTable};
  if (const auto loaded = table->load(); !loaded) {
    return Failure{loaded.error()};
  }
  if (const auto attached = table->attach(cgroup.empty() ? control_groups() : cgroup); !attached) {
    return Failure{attached.error()};
  }
  if (const auto proved = table->prove(); !proved) {
    return Failure{proved.error()};
  }
  return table;
}

SenderTable::~SenderTable() {
  if (shared_ != nullptr) {
    ::munmap(const_cast<std::byte*>(shared_), kSharedBytes);
  }
}

Result<Ok, IoError> SenderTable::load() {
  const std::uint64_t network_namespace = Probe{}.network_namespace();
  if (network_namespace == 0) {
    return Failure{fault("ask for", "number of the network namespace")};
  }
  auto makers =
      make_map({BPF_MAP_TYPE_LRU_HASH, sizeof(std::uint64_t), sizeof(SocketMaker), kSocketMakers},
               "map of sockets");
  if (!makers) {
    return Failure{makers.error()};
  }
  makers_ = *std::move(makers);
  auto departures = make_map(
      {BPF_MAP_TYPE_ARRAY, sizeof(std::uint32_t), sizeof(Departure), kDepartures, BPF_F_MMAPABLE},
      "map of departures");
  if (!departures) {
    return Failure{departures.error()};
  }
  departures_ = *std::move(departures);
  void* shared = ::mmap(nullptr, kSharedBytes, PROT_READ, MAP_SHARED, departures_.descriptor(), 0);
  if (shared == MAP_FAILED) {
    return Failure{fault("map", "map of departures")};
  }
  shared_ = static_cast<const std::byte*>(shared);
  auto birth =
      load_program(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE,
                   write_birth_program(makers_.descriptor(), network_namespace), "note of sockets");
  if (!birth) {
    return Failure{birth.error()};
  }
  birth_program_ = *std::move(birth);
  auto departure =
      load_program(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS,
                   write_departure_program(makers_.descriptor(), departures_.descriptor()),
                   "note of departures");
  if (!departure) {
    return Failure{departure.error()};
  }
  departure_program_ = *std::move(departure);
  return Ok{};
}

Result<Ok, IoError> SenderTable::attach(const std::string& cgroup) {
  if (cgroup.empty()) {
    return Failure{fault("find", "control groups (cgroup2)", ENOENT)};
  }
  const OpenFolder folder{::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder.is_open()) {
    return Failure{fault("open", cgroup)};
  }
  auto departure = attach_to_cgroup(departure_program_, folder.descriptor(), BPF_CGROUP_INET_EGRESS,
                                    "note of departures");
  if (!departure) {
    return Failure{departure.error()};
  }
  departure_hook_ = *std::move(departure);
  auto birth = attach_to_cgroup(birth_program_, folder.descriptor(), BPF_CGROUP_INET_SOCK_CREATE,
                                "note of sockets");
  if (!birth) {
    return Failure{birth.error()};
  }
  birth_hook_ = *std::move(birth);
  return Ok{};
}

Result<Ok, IoError> SenderTable::prove() const {
  const auto own = Probe{}.send();
  if (!own) {
    return Failure{fault("send", "probe over the loopback interface")};
  }
  const auto sender = find(Transport::udp, *own, *own, SystemClock{}.monotonic()).sender;
  if (!sender || sender->pid != static_cast<std::uint32_t>(::getpid()) ||
      sender->uid != ::geteuid()) {
    return Failure{fault("find", "probe among the departures", ENOENT)};
  }
  return Ok{};
}

Note SenderTable::find(Transport transport, const Endpoint& local, const Endpoint& remote,
                       MonotonicTime when) const {
  Note note;
  const std::size_t place = local.port % kDepartures;
  const auto departure = read(shared_ + place * sizeof(Departure));
  const DepartureKey key = key_of(transport, local, remote);
  if (!departure || departure->maker.pid == 0 ||
      std::memcmp(&departure->key, &key, sizeof(key)) != 0) {
    return note;
  }
  const MonotonicTime at{std::chrono::nanoseconds{departure->at}};
  const MonotonicTime since{std::chrono::nanoseconds{departure->maker.since}};
  note.of_later_socket = since > when;
  if (!note.of_later_socket && at >= when - kMostBefore && when - since <= kYouth) {
    note.sender = Sender{departure->maker.pid, departure->maker.uid};
  }
  return note;
}

}  // namespace gnomon
