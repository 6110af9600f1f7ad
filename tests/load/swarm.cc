// gnomon-swarm: many simulated agents in one process, to measure a collector.

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "collector/enrol/authority.h"
#include "core/file.h"
#include "core/net/crypto.h"
#include "core/net/host_port.h"
#include "core/wire/batch.h"
#include "tests/load/swarm_agent.h"
#include "tests/load/swarm_report.h"

#include <CLI/CLI.hpp>

namespace gnomon {
namespace {

struct Options {
  std::string authority;
  std::string collector = "127.0.0.1:7443";
  std::uint32_t agents = 64;
  std::uint32_t batches = 100;
  std::uint32_t contacts = 100;
  std::uint32_t window = 8;
  std::uint32_t at_once = 256;  // handshakes under way at once while filling up
  std::uint32_t hold_s = 10;
  int pid = 0;
};

// A batch as a busy workstation makes it: a few tools, several roles, evidence on some.
std::string payload_of(std::uint32_t contacts) {
  static constexpr std::array<const char*, 8> kTools{"trello", "asana", "slack",   "notion",
                                                     "figma",  "canva", "hubspot", "miro"};
  Batch batch;
  const WallTime now = SystemClock{}.wall();
  batch.sealed = now;
  for (std::uint32_t i = 0; i < contacts; ++i) {
    Contact contact;
    contact.tool = kTools.at(i % kTools.size());
    contact.role = static_cast<Role>(1 + i % 10);
    contact.audience = Audience::user;
    contact.stage = Stage::visited;
    contact.confidence = 900;
    contact.window_begin = now - std::chrono::minutes{15};
    contact.window_end = now;
    contact.first = now - std::chrono::minutes{14};
    contact.last = now - std::chrono::seconds{1 + i % 600};
    contact.tls = 1 + i % 5;
    contact.program = "firefox";
    contact.pack_version = 1;
    if (i % 4 == 0) {
      contact.evidence.push_back(
          {contact.first, "opened the product's own screens", "app.example.com", Role::app});
    }
    batch.contacts.push_back(std::move(contact));
  }
  return wire::compress(wire::encode_batch(batch));
}

class Swarm {
 public:
  explicit Swarm(const Options& options) : options_(options) {
    auto opened = Authority::open(files_, clock_, AuthorityOptions{options.authority, {}, {}});
    if (!opened) {
      throw std::runtime_error{opened.error().text()};
    }
    const auto address = parse_host_port(options.collector, 7443);
    if (!address) {
      throw std::runtime_error{"--collector wants address:port"};
    }
    plan_.collector = {boost::asio::ip::make_address(address->host), address->port};
    plan_.window = options.window;
    const PrivateKey key = PrivateKey::generate();
    for (std::uint32_t i = 0; i < options.agents; ++i) {
      ClientTls identity;
      identity.root = (*opened)->root();
      identity.chain = (*opened)->issue_agent(PublicKey::of(key), new_uuid());
      identity.key = key;
      agents_.push_back(std::make_unique<SwarmAgent>(io_, plan_, tally_, std::move(identity)));
    }
  }

  void ingest() {
    plan_.batches = options_.batches;
    plan_.payload = payload_of(options_.contacts);
    connect_all(options_.at_once);
    const Usage before = usage_of(options_.pid);
    const auto begun = std::chrono::steady_clock::now();
    for (const auto& agent : agents_) {
      spawn(agent->upload());
    }
    io_.run();
    io_.restart();
    const double seconds = seconds_since(begun);
    const Usage after = usage_of(options_.pid);
    const double contacts = static_cast<double>(tally_.acked_batches) * options_.contacts;
    line("swarm.ingest")
        .add("contacts", contacts)
        .add("contacts_per_s", contacts / seconds)
        .add("batches_per_s", static_cast<double>(tally_.acked_batches) / seconds)
        .add("refused_batches", static_cast<double>(tally_.refused_batches))
        .add("ack_p50_ms", quantile(tally_.ack_ms, 0.5))
        .add("ack_p99_ms", quantile(tally_.ack_ms, 0.99))
        .add("seconds", seconds)
        .add("collector_cpu_s", after.cpu_s - before.cpu_s)
        .add("collector_rss_mb", after.rss_mb)
        .print();
  }

  void idle() {
    const Usage empty = usage_of(options_.pid);
    const double filled = connect_all(options_.at_once);
    const Usage before = usage_of(options_.pid);
    boost::asio::steady_timer timer{io_, std::chrono::seconds{options_.hold_s}};
    timer.async_wait([](const boost::system::error_code&) {});
    io_.run();
    io_.restart();
    const Usage after = usage_of(options_.pid);
    line("swarm.idle")
        .add("seconds_to_fill", filled)
        .add("collector_rss_mb", after.rss_mb)
        .add("collector_rss_empty_mb", empty.rss_mb)
        .add("kb_per_agent", (after.rss_mb - empty.rss_mb) * 1e3 / options_.agents)
        .add("idle_cpu_percent", (after.cpu_s - before.cpu_s) * 100.0 / options_.hold_s)
        .print();
  }

  void storm() {
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
        .add("collector_cpu_s", after.cpu_s - before.cpu_s)
        .add("collector_rss_mb", after.rss_mb)
        .print();
  }

  bool clean() const { return tally_.failed == 0; }

 private:
  static double seconds_since(std::chrono::steady_clock::time_point begun) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }

  Line line(const std::string& name) {
    Line made{name};
    made.add("agents", options_.agents)
        .add("connected", static_cast<double>(tally_.connected))
        .add("failed", static_cast<double>(tally_.failed));
    if (!tally_.failures.empty()) {
      made.add("first_failure", tally_.failures.front());
    }
    return made;
  }

  template <typename Work>
  void spawn(Work work) {
    boost::asio::co_spawn(io_, std::move(work), [](const std::exception_ptr& thrown) {
      if (thrown) {
        std::rethrow_exception(thrown);
      }
    });
  }

  // Connects every agent, `lanes` at once; yields the seconds it took.
  double connect_all(std::uint32_t lanes) {
    const auto begun = std::chrono::steady_clock::now();
    next_agent_ = 0;
    for (std::uint32_t i = 0; i < std::min(lanes, options_.agents); ++i) {
      spawn(connect_some());
    }
    io_.run();
    io_.restart();
    return seconds_since(begun);
  }

  asio::awaitable<void> connect_some() {
    while (next_agent_ < agents_.size()) {
      SwarmAgent& agent = *agents_[next_agent_++];
      static_cast<void>(co_await agent.connect());
    }
  }

  Options options_;
  SystemClock clock_;
  PosixFileSystem files_;
  asio::io_context io_{1};
  SwarmPlan plan_;
  SwarmTally tally_;
  std::vector<std::unique_ptr<SwarmAgent>> agents_;
  std::size_t next_agent_ = 0;
};

int run(int argc, char** argv) {
  CLI::App program{"Many simulated agents in one process, to measure a collector."};
  program.name("gnomon-swarm");
  program.require_subcommand(1);
  program.fallthrough();
  program.footer(
      "Example:\n  gnomon-swarm ingest --authority DATA/ca --collector 127.0.0.1:7443 --agents 64");
  Options options;
  program.add_option("--authority", options.authority, "the collector's authority folder")
      ->required();
  program.add_option("--collector", options.collector, "address:port for agents");
  program.add_option("--agents", options.agents, "how many")->check(CLI::Range(1, 50000));
  program.add_option("--pid", options.pid, "the collector's process, to read its memory and CPU");
  program.add_option("--at-once", options.at_once, "handshakes under way at once")
      ->check(CLI::Range(1, 50000));
  CLI::App* ingest = program.add_subcommand("ingest", "Upload batches and time the acks");
  ingest->add_option("--batches", options.batches, "a agent")->check(CLI::Range(1, 1000000));
  ingest->add_option("--contacts", options.contacts, "a batch")->check(CLI::Range(1, 4096));
  ingest->add_option("--window", options.window, "uploads under way")->check(CLI::Range(1, 1024));
  CLI::App* idle = program.add_subcommand("idle", "Connect all and hold them");
  idle->add_option("--hold", options.hold_s, "seconds")->check(CLI::Range(1, 600));
  CLI::App* storm = program.add_subcommand("storm", "Drop all and let them come back at once");
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  // One descriptor an agent.
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
  }
  std::signal(SIGPIPE, SIG_IGN);
  Swarm swarm{options};
  if (*ingest) {
    swarm.ingest();
  } else if (*idle) {
    swarm.idle();
  } else if (*storm) {
    swarm.storm();
  }
  return swarm.clean() ? 0 : 1;
}

}  // namespace
}  // namespace gnomon

int main(int argc, char** argv) {
  try {
    return gnomon::run(argc, argv);
  } catch (const std::exception& error) {
    static_cast<void>(std::fprintf(stderr, "gnomon-swarm: %s\n", error.what()));
    return 2;
  }
}
