#include "tests/load/swarm_fleet.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/steady_timer.hpp>

#include "collector/enrol/authority.h"
#include "core/net/crypto.h"
#include "core/net/host_port.h"
#include "core/wire/batch.h"
#include "tests/load/swarm_payload.h"

namespace gnomon {
namespace {

using Moment = std::chrono::steady_clock::time_point;

// Coroutines that send heartbeats; each looks after its share of the agents.
constexpr std::size_t kBeaters = 64;

double seconds_since(Moment begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

// source_of gives agent `index` one of the loopback addresses from 127.1.0.1 on, as every
// workstation of a fleet has its own; nullopt when the collector is not on 127.0.0.0/8.
std::optional<asio::ip::address> source_of(const asio::ip::address& collector,
                                           std::uint32_t index) {
  if (!collector.is_v4() || !collector.is_loopback()) {
    return std::nullopt;
  }
  constexpr asio::ip::address_v4::uint_type kFirst = 0x7f010001;
  return asio::ip::address_v4(kFirst + index);
}

}  // namespace

SwarmFleet::SwarmFleet(const SwarmOptions& options) : options_(options) {
  const auto address = parse_host_port(options.collector, 7443);
  if (!address) {
    throw std::runtime_error{"--collector wants address:port"};
  }
  plan_.collector = {boost::asio::ip::make_address(address->host), address->port};
  plan_.window = options.window;
  plan_.pause = std::chrono::milliseconds{options.pause_ms};
  plan_.patience = std::chrono::seconds{options.patience_s};
}

void SwarmFleet::make_agents() {
  auto opened = Authority::open(files_, clock_, AuthorityOptions{options_.authority, {}, {}});
  if (!opened) {
    throw std::runtime_error{opened.error().text()};
  }
  const std::uint32_t sources = options_.sources == 0 ? options_.agents : options_.sources;
  const PrivateKey key = PrivateKey::generate();
  for (std::uint32_t i = 0; i < options_.agents; ++i) {
    ClientTls identity;
    identity.root = (*opened)->root();
    identity.chain = (*opened)->issue_agent(PublicKey::of(key), new_uuid());
    identity.key = key;
    agents_.push_back(
        std::make_unique<SwarmAgent>(io_, plan_, tally_, std::move(identity),
                                     source_of(plan_.collector.address(), i % sources)));
  }
}

void SwarmFleet::spawn(asio::awaitable<void> work) {
  asio::co_spawn(io_, std::move(work), [](const std::exception_ptr& thrown) {
    if (thrown) {
      std::rethrow_exception(thrown);
    }
  });
}

void SwarmFleet::run() {
  io_.run();
  io_.restart();
}

Line SwarmFleet::line(const std::string& name) {
  Line made{name};
  made.add("agents", options_.agents)
      .add("connected", static_cast<double>(tally_.connected))
      .add("attempts_failed", static_cast<double>(tally_.attempts_failed))
      .add("failed", static_cast<double>(tally_.failed));
  if (!tally_.failures.empty()) {
    made.add("first_failure", tally_.failures.front());
  }
  return made;
}

// connect_all connects every agent, `lanes` at once; yields the seconds it took.
double SwarmFleet::connect_all(std::uint32_t lanes) {
  const Moment begun = std::chrono::steady_clock::now();
  next_agent_ = 0;
  for (std::uint32_t i = 0; i < std::min(lanes, options_.agents); ++i) {
    spawn(connect_some());
  }
  run();
  return seconds_since(begun);
}

asio::awaitable<void> SwarmFleet::connect_some() {
  while (next_agent_ < agents_.size()) {
    SwarmAgent& agent = *agents_[next_agent_++];
    static_cast<void>(co_await agent.connect());
  }
}

void SwarmFleet::ingest() {
  plan_.batches = options_.batches;
  const std::string encoded = wire::encode_batch(sample_batch(options_.contacts));
  plan_.payload = wire::compress(encoded);
  make_agents();
  connect_all(options_.at_once);
  const Usage before = usage_of(options_.pid);
  const Usage own_before = usage_of_self();
  const Moment begun = std::chrono::steady_clock::now();
  for (const auto& agent : agents_) {
    spawn(agent->upload());
  }
  run();
  const double seconds = seconds_since(begun);
  const Usage after = usage_of(options_.pid);
  const double batches = static_cast<double>(tally_.acked_batches);
  line("swarm.ingest")
      .add("batches", batches)
      .add("contacts", batches * options_.contacts)
      .add("contacts_per_s", batches * options_.contacts / seconds)
      .add("batches_per_s", batches / seconds)
      .add("batch_bytes", static_cast<double>(encoded.size()))
      .add("batch_bytes_sent", static_cast<double>(plan_.payload.size()))
      .add("refused_batches", static_cast<double>(tally_.refused_batches))
      .add("ack_p50_ms", quantile(tally_.ack_ms, 0.5))
      .add("ack_p99_ms", quantile(tally_.ack_ms, 0.99))
      .add("seconds", seconds)
      .add("collector_cpu_s", after.cpu_s - before.cpu_s)
      .add("swarm_cpu_s", usage_of_self().cpu_s - own_before.cpu_s)
      .add("collector_rss_mb", after.rss_mb)
      .print();
}

asio::awaitable<void> SwarmFleet::beat_some(std::size_t first, std::size_t step, Moment until) {
  asio::steady_timer pause(io_);
  const std::size_t share = std::max<std::size_t>(1, (agents_.size() - first + step - 1) / step);
  const auto between = std::chrono::duration_cast<std::chrono::nanoseconds>(
                           std::chrono::seconds{options_.heartbeat_s}) /
                       static_cast<std::int64_t>(share);
  Moment next = std::chrono::steady_clock::now() +
                between * static_cast<std::int64_t>(first) / static_cast<std::int64_t>(step);
  for (std::size_t i = first; next < until; i = i + step < agents_.size() ? i + step : first) {
    pause.expires_at(next);
    static_cast<void>(co_await pause.async_wait(kAwait));
    if (agents_[i]->connected()) {
      co_await agents_[i]->beat();
    }
    next += between;
  }
  pause.expires_at(until);
  static_cast<void>(co_await pause.async_wait(kAwait));
}

void SwarmFleet::idle() {
  make_agents();
  const Usage empty = usage_of(options_.pid);
  const double filled = connect_all(options_.at_once);
  const Usage before = usage_of(options_.pid);
  const Moment begun = std::chrono::steady_clock::now();
  const std::size_t beaters = std::min<std::size_t>(kBeaters, agents_.size());
  for (std::size_t i = 0; i < beaters; ++i) {
    spawn(beat_some(i, beaters, begun + std::chrono::seconds{options_.hold_s}));
  }
  run();
  const double held = seconds_since(begun);
  const Usage after = usage_of(options_.pid);
  line("swarm.idle")
      .add("seconds_to_fill", filled)
      .add("heartbeats", static_cast<double>(tally_.heartbeats))
      .add("collector_rss_mb", after.rss_mb)
      .add("collector_rss_peak_mb", after.peak_rss_mb)
      .add("collector_rss_empty_mb", empty.rss_mb)
      .add("kb_per_agent", (after.rss_mb - empty.rss_mb) * 1e3 / options_.agents)
      .add("idle_cpu_percent", (after.cpu_s - before.cpu_s) * 100.0 / held)
      .print();
}

void SwarmFleet::storm() {
  make_agents();
  connect_all(options_.at_once);
  for (const auto& agent : agents_) {
    agent->drop();
  }
  tally_ = SwarmTally{};
  const Usage before = usage_of(options_.pid);
  const double served = connect_all(options_.agents);
  const Usage after = usage_of(options_.pid);
  line("swarm.storm")
      .add("seconds_until_all_served", served)
      .add("resumed", static_cast<double>(tally_.resumed))
      .add("connect_p50_ms", quantile(tally_.handshake_ms, 0.5))
      .add("connect_p99_ms", quantile(tally_.handshake_ms, 0.99))
      .add("served_p50_ms", quantile(tally_.served_ms, 0.5))
      .add("served_p99_ms", quantile(tally_.served_ms, 0.99))
      .add("collector_cpu_s", after.cpu_s - before.cpu_s)
      .add("collector_rss_mb", after.rss_mb)
      .add("collector_rss_peak_mb", after.peak_rss_mb)
      .print();
}

asio::awaitable<void> SwarmFleet::take_pack(SwarmAgent& agent, bool reads) {
  const bool greeted = co_await agent.connect();
  if (greeted && reads) {
    co_await agent.take_pack();
  }
}

void SwarmFleet::push() {
  plan_.wants_pack = true;
  make_agents();
  const Usage before = usage_of(options_.pid);
  const auto slow = static_cast<std::ptrdiff_t>(std::min(options_.slow, options_.agents));
  for (auto agent = agents_.begin(); agent != agents_.begin() + slow; ++agent) {
    spawn(take_pack(**agent, false));
  }
  run();
  const Moment begun = std::chrono::steady_clock::now();
  for (auto agent = agents_.begin() + slow; agent != agents_.end(); ++agent) {
    spawn(take_pack(**agent, true));
  }
  run();
  const double all = seconds_since(begun);
  const Usage after = usage_of(options_.pid);
  for (auto agent = agents_.begin(); agent != agents_.begin() + slow; ++agent) {
    if ((*agent)->connected()) {
      spawn((*agent)->wait_until_cut());
    }
  }
  run();
  line("swarm.push")
      .add("have_it", static_cast<double>(tally_.pushed))
      .add("read_nothing", static_cast<double>(slow))
      .add("seconds_until_all_have_it", all)
      .add("seconds_until_others_cut", slow == 0 ? 0.0 : seconds_since(begun))
      .add("mb_pushed", static_cast<double>(tally_.push_bytes) / 1e6)
      .add("collector_cpu_ms_per_agent", (after.cpu_s - before.cpu_s) * 1e3 / options_.agents)
      .add("collector_rss_mb", after.rss_mb)
      .add("collector_rss_peak_mb", after.peak_rss_mb)
      .print();
}

}  // namespace gnomon
