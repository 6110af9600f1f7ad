// gnomon-soak: the parts of the soak that are no Python. tests/load/soak drives them.

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agent/uplink/identity.h"
#include "collector/enrol/authority.h"
#include "core/check.h"
#include "core/file.h"
#include "core/log.h"
#include "core/net/crypto.h"
#include "tests/load/soak_agent.h"
#include "tests/load/soak_oracle.h"
#include "tests/load/soak_verify.h"
#include "tests/support/chaos_proxy.h"
#include "tests/support/power_cut.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace gnomon::soak {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string authority;
  std::string collector = "127.0.0.1:7443";
  std::string identities;
  std::string spools;
  std::string oracle;
  std::string notes;
  std::string links;
  std::string store;
  std::string port_file;
  std::string finish_file;
  std::vector<std::string> oracles;
  std::uint32_t first = 0;
  std::uint32_t agents = 1;
  std::uint32_t pace_ms = 3000;
  std::uint64_t spool_kib = 1024;
  std::uint64_t segment_kib = 32;
  std::uint64_t seed = 1;
  testing::ChaosOdds odds;
};

void print(const Json& json) {
  static_cast<void>(std::printf("%s\n", json.dump().c_str()));
  static_cast<void>(std::fflush(stdout));
}

std::string identity_of(const Options& options, std::uint32_t number) {
  return options.identities + "/" + std::to_string(number);
}

std::string names_file(const Options& options) {
  return options.identities + "/names";
}

// identities gives every agent a certificate of the collector's authority.
int identities(const Options& options) {
  PosixFileSystem files;
  SystemClock clock;
  const auto authority = Authority::open(files, clock, AuthorityOptions{options.authority, {}, {}});
  GNOMON_CHECK(authority.has_value());
  const PrivateKey key = PrivateKey::generate();
  GNOMON_CHECK(files.make_directory(options.identities).has_value());
  std::ofstream names{names_file(options)};
  for (std::uint32_t number = 0; number < options.agents; ++number) {
    const std::string name = new_uuid();
    const Identity identity{name, key, (*authority)->issue_agent(PublicKey::of(key), name),
                            (*authority)->root()};
    const std::string folder = identity_of(options, number);
    GNOMON_CHECK(files.make_directory(folder).has_value());
    GNOMON_CHECK(store_identity(files, folder, identity).has_value());
    names << number << ' ' << name << '\n';
  }
  return names.flush() ? 0 : 2;
}

// AgentProcess is one process full of agents. Once the finish file is there no more batches are
// made; when all is stored, every agent makes a fresh one, and the process ends once those are
// stored too.
class AgentProcess {
 public:
  AgentProcess(const Options& options, FileSystem& files)
      : finish_file_(options.finish_file),
        oracle_(options.oracle),
        world_{io_,
               files,
               clock_,
               counters_,
               oracle_,
               *parse_host_port(options.collector, 7443),
               std::chrono::milliseconds{options.pace_ms},
               options.spool_kib << 10,
               options.segment_kib << 10} {
    std::map<std::uint32_t, AgentOracle> known;
    read_oracle(options.oracle, known);
    for (std::uint32_t number = options.first; number < options.first + options.agents; ++number) {
      const AgentOracle& batches = known[number];
      const std::uint64_t next = batches.empty() ? 1 : batches.rbegin()->first + 1;
      agents_.push_back(
          std::make_unique<SoakAgent>(world_, number, identity_of(options, number),
                                      options.spools + "/" + std::to_string(number), next,
                                      options.seed * 1'000'003 + number * 7919ULL + next));
    }
  }

  int run() {
    for (const auto& agent : agents_) {
      agent->start();
    }
    look_for_the_end();
    io_.run();
    return 0;
  }

 private:
  void look_for_the_end() {
    const auto there = PosixFileSystem{}.exists(finish_file_);
    if (there && *there) {
      for (const auto& agent : agents_) {
        agent->finish();
      }
      wait_until_drained();
      return;
    }
    look_.expires_after(std::chrono::milliseconds{200});
    look_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        look_for_the_end();
      }
    });
  }

  void wait_until_drained() {
    bool drained = true;
    for (const auto& agent : agents_) {
      drained = drained && agent->is_drained();
    }
    if (drained && fresh_since_) {
      const auto took = std::chrono::duration<double>(clock_.monotonic() - *fresh_since_).count();
      print(Json{{"agents", agents_.size()}, {"fresh_seconds", took}});
      for (const auto& agent : agents_) {
        agent->stop();
      }
      return;
    }
    if (drained) {
      fresh_since_ = clock_.monotonic();
      for (const auto& agent : agents_) {
        agent->make_fresh();
      }
    }
    look_.expires_after(std::chrono::milliseconds{20});
    look_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        wait_until_drained();
      }
    });
  }

  const std::string finish_file_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer look_{io_};
  SystemClock clock_;
  Counters counters_;
  OracleWriter oracle_;
  SoakWorld world_;
  std::vector<std::unique_ptr<SoakAgent>> agents_;
  std::optional<MonotonicTime> fresh_since_;
};

int agents(const Options& options) {
  if (options.notes.empty()) {
    PosixFileSystem files;
    return AgentProcess{options, files}.run();
  }
  testing::PowerCutNotes notes{options.notes, options.links};
  testing::ForgetfulFileSystem files{notes};
  return AgentProcess{options, files}.run();
}

// proxy relays until SIGTERM and prints what it did. After SIGUSR1 everything passes.
int proxy(const Options& options) {
  boost::asio::io_context io{1};
  testing::ChaosProxy relay{io, *parse_host_port(options.collector, 7443)};
  relay.trouble(options.odds, options.seed);
  std::ofstream{options.port_file} << relay.port() << '\n';
  boost::asio::signal_set calm{io, SIGUSR1};
  calm.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) {
      relay.trouble({}, options.seed);
      relay.cut();
    }
  });
  boost::asio::signal_set end{io, SIGTERM};
  end.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) {
      calm.cancel();
      relay.stop();
    }
  });
  io.run();
  const testing::ChaosCounts counts = relay.counts();
  print(Json{{"connections", counts.connections},
             {"cut", counts.cut},
             {"half_open", counts.half_open},
             {"slow", counts.slow},
             {"acks_dropped", counts.deaf},
             {"delivered_late", counts.late}});
  return 0;
}

int cut(const Options& options) {
  std::mt19937_64 random{options.seed};
  const auto report = testing::cut_power(options.notes, options.links, random);
  if (!report) {
    static_cast<void>(std::fprintf(stderr, "gnomon-soak: %s\n", report.error().text().c_str()));
    return 2;
  }
  print(Json{{"names_undone", report->names_undone},
             {"files_cut", report->files_cut},
             {"bytes_forgotten", report->bytes_forgotten},
             {"files_torn", report->files_torn}});
  return 0;
}

int verify_store(const Options& options) {
  std::map<std::uint32_t, AgentOracle> oracle;
  for (const std::string& path : options.oracles) {
    read_oracle(path, oracle);
  }
  std::map<std::uint32_t, std::string> names;
  std::ifstream lines{names_file(options)};
  std::uint32_t number = 0;
  for (std::string name; lines >> number >> name;) {
    names[number] = name;
  }
  SystemClock clock;
  Counters counters;
  StoreOptions store_options;
  store_options.directory = options.store;
  store_options.calendar = Calendar::utc();
  store_options.zone = "UTC";
  auto store = Store::open(store_options, clock, counters);
  if (!store) {
    static_cast<void>(std::fprintf(stderr, "gnomon-soak: %s\n", store.error().text.c_str()));
    return 2;
  }
  const auto verdict = verify(**store, oracle, names);
  if (!verdict) {
    static_cast<void>(std::fprintf(stderr, "gnomon-soak: %s\n", verdict.error().text().c_str()));
    return 2;
  }
  print(Json{{"batches_promised", verdict->promised_batches},
             {"contacts_promised", verdict->promised_contacts},
             {"batches_stored", verdict->stored_batches},
             {"contacts_stored", verdict->stored_contacts},
             {"stored_unpromised", verdict->unpromised_stored},
             {"contacts_missing", verdict->missing_contacts},
             {"gaps", verdict->gaps},
             {"contacts_declared", verdict->declared_contacts},
             {"faults", verdict->faults_found},
             {"told", verdict->faults}});
  return verdict->faults_found == 0 ? 0 : 1;
}

void add_commands(CLI::App& program, Options& options, std::function<int(const Options&)>& chosen) {
  const auto command = [&](const char* name, const char* what, int (*run)(const Options&)) {
    CLI::App* made = program.add_subcommand(name, what);
    made->callback([&chosen, run] { chosen = run; });
    return made;
  };
  CLI::App* make = command("identities", "Certificates for all agents", identities);
  make->add_option("--authority", options.authority, "the collector's authority folder")
      ->required();
  make->add_option("--agents", options.agents, "how many");
  make->add_option("--identities", options.identities, "where they go")->required();

  CLI::App* run = command("agents", "A process full of agents", agents);
  run->add_option("--collector", options.collector, "address:port for agents");
  run->add_option("--identities", options.identities, "made by the command of this name")
      ->required();
  run->add_option("--spools", options.spools, "folder of their spools")->required();
  run->add_option("--oracle", options.oracle, "file of what they meant and were promised")
      ->required();
  run->add_option("--notes", options.notes, "forget unsynced writes at a cut; notes of it go here");
  run->add_option("--links", options.links, "folder beside the spools, for the notes");
  run->add_option("--finish-file", options.finish_file, "they finish once it is there")->required();
  run->add_option("--first", options.first, "number of the first agent");
  run->add_option("--agents", options.agents, "how many");
  run->add_option("--pace", options.pace_ms, "milliseconds between two batches of one agent");
  run->add_option("--spool-kib", options.spool_kib, "bound of each spool");
  run->add_option("--segment-kib", options.segment_kib, "and of each of its segments");
  run->add_option("--seed", options.seed, "of everything random");

  CLI::App* relay = command("proxy", "The bad network between them; SIGUSR1 calms it", proxy);
  relay->add_option("--collector", options.collector, "address:port for agents");
  relay->add_option("--port-file", options.port_file, "told where it listens")->required();
  relay->add_option("--seed", options.seed, "of everything random");
  relay->add_option("--cut", options.odds.cut, "percent of connections");
  relay->add_option("--half-open", options.odds.half_open, "likewise");
  relay->add_option("--slow", options.odds.slow, "likewise");
  relay->add_option("--deaf", options.odds.deaf, "likewise: acknowledgements are lost");
  relay->add_option("--late", options.odds.late, "likewise: arrives after the reconnect");

  CLI::App* power = command("cut", "Take from a killed process what it had not synced", cut);
  power->add_option("--notes", options.notes, "its notes")->required();
  power->add_option("--links", options.links, "and its links")->required();
  power->add_option("--seed", options.seed, "of everything random");

  CLI::App* judge = command("verify", "Judge a stopped collector's store", verify_store);
  judge->add_option("--store", options.store, "its folder")->required();
  judge->add_option("--identities", options.identities, "of the agents")->required();
  judge->add_option("oracles", options.oracles, "files of the agents' processes")->required();
}

int run(int argc, char** argv) {
  CLI::App program{"Parts of the soak: agents with real spools, a bad network, and a judge."};
  program.name("gnomon-soak");
  program.require_subcommand(1);
  program.footer(
      "tests/load/soak drives it. By hand:\n"
      "  gnomon-soak verify --store DATA/store --identities WORK/identities WORK/*.oracle");
  Options options;
  std::function<int(const Options&)> chosen;
  add_commands(program, options, chosen);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
  }
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  log::set_level(log::Level::error);
  return chosen(options);
}

}  // namespace
}  // namespace gnomon::soak

int main(int argc, char** argv) {
  try {
    return gnomon::soak::run(argc, argv);
  } catch (const std::exception& error) {
    static_cast<void>(std::fprintf(stderr, "gnomon-soak: %s\n", error.what()));
    return 2;
  }
}
