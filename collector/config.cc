#include "collector/config.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include <CLI/CLI.hpp>

namespace gnomon {
namespace {

// usual_zone is TZ, or what /etc/localtime points to, or UTC: a name, so that it can be stored.
std::string usual_zone() {
  if (const char* named = std::getenv("TZ");  // NOLINT(concurrency-mt-unsafe): no threads yet
      named != nullptr && *named != '\0') {
    return named;
  }
  std::error_code failed;
  const std::string target = std::filesystem::read_symlink("/etc/localtime", failed).string();
  constexpr std::string_view kFolder = "zoneinfo/";
  const std::size_t at = target.find(kFolder);
  return failed || at == std::string::npos ? "UTC" : target.substr(at + kFolder.size());
}

bool is_loopback(const std::string& host) {
  return host == "::1" || host.compare(0, 4, "127.") == 0;
}

// add_address adds an option that takes host:port.
void add_address(CLI::App& app, const char* name, HostPort& address, const char* what) {
  app.add_option_function<std::string>(
         name,
         [&address](const std::string& text) {
           auto parsed = parse_host_port(text, address.port);
           if (!parsed) {
             throw CLI::ValidationError("'" + text + "' is no address like 127.0.0.1:7480");
           }
           address = std::move(*parsed);
         },
         what)
      ->default_str(to_string(address))
      ->type_name("ADDRESS:PORT");
}

void add_options(CLI::App& app, Config& config) {
  app.add_option("--data", config.data, "Folder of all that is kept; made when it is missing")
      ->required();
  app.add_option("--zone", config.zone, "Whose days and weeks are counted, like Europe/Berlin");
  app.add_option("--reserve", config.reserve_mib, "MiB to leave free on the disk")
      ->capture_default_str();
}

void add_serving(CLI::App& app, Config& config) {
  app.add_option("--user", config.user,
                 "User to become when root starts it, like gnomon-collector");
  add_address(app, "--listen", config.listen, "Where agents connect; port 0 takes a free one");
  add_address(app, "--enrol", config.enrol, "Where machines join");
  add_address(app, "--http", config.http, "Pages, API, metrics; loopback only");
  app.add_option("--name", config.names,
                 "Name or address by which agents reach this collector; may be repeated");
  app.add_option("--rules", config.rules, "Rule pack; default: the one installed");
  app.add_option("--trust", config.trust, "Its trust file");
  app.add_option("--overlay", config.overlay,
                 "The company's own rules; default: /etc/gnomon/overlay.yaml, if it is there");
  app.add_option("--min-group", config.min_group, "Smaller groups of devices are not counted out")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--keep-days", config.keep_days,
                 "Batches and totals older than this leave the store; 0 keeps all")
      ->capture_default_str()
      ->check(CLI::Range(0U, kMostKeepDays));
  app.add_flag(
      "--unknowns", config.unknowns,
      "Count domains outside the catalogue by keyed tokens; each machine must allow it too");
  app.add_option("--unknowns-devices", config.unknowns_devices,
                 "So many devices must hold a token before its domain is asked for")
      ->capture_default_str()
      ->check(CLI::Range(3, 100'000));
  app.add_flag("--sample", config.sample, "Mark a new data folder as holding the sample week");
}

void add_limits(CLI::App& app, IngestOptions& agents) {
  app.add_option("--max-connections", agents.max_connections, "Connections of agents at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000))
      ->group("Limits");
  app.add_option("--connect-rate", agents.connects_per_second,
                 "Connections a second from one address (IPv6: one /64)")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 1e6))
      ->group("Limits");
  app.add_option("--connect-burst", agents.connect_burst, "And so many at once")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6))
      ->group("Limits");
  app.add_option_function<std::vector<std::string>>(
         "--shared-address",
         [&agents](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             const auto range = IpRange::parse(text);
             if (!range) {
               throw CLI::ValidationError("'" + text + "' is no network like 203.0.113.0/28");
             }
             agents.shared_addresses.push_back(*range);
           }
         },
         "Address or network of a NAT or VPN concentrator, whose connections are not limited by "
         "address; may be repeated")
      ->type_name("NETWORK")
      ->group("Limits");
  app.add_option("--push-rate", agents.push_pace.bytes_per_second,
                 "Bytes a second of rule packs to all agents together")
      ->capture_default_str()
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{1024}, std::uint64_t{1} << 40))
      ->group("Limits");
  app.add_option("--pushes-at-once", agents.push_pace.at_once, "Agents that are pushed to at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000))
      ->group("Limits");
  app.add_option_function<std::uint32_t>(
         "--push-deadline",
         [&agents](std::uint32_t seconds) { agents.push_within = std::chrono::seconds{seconds}; },
         "Seconds after which an agent that has not taken a push is cut")
      ->default_str("600")
      ->check(CLI::Range(1, 86'400))
      ->group("Limits");
}

}  // namespace

std::variant<Config, Ended> read_config(int argc, const char* const* argv) {
  Config config;
  CLI::App app{
      "Takes what agents report, stores it, and answers.\n"
      "Start with: gnomon-collector serve --data /var/lib/gnomon"};
  app.name("gnomon-collector");
  app.set_version_flag("--version", "gnomon-collector " GNOMON_VERSION);
  app.failure_message(CLI::FailureMessage::simple);
  app.set_config("--config", "", "File of key=value lines, in [serve] or [rebuild]");
  app.require_subcommand(1);
  CLI::App& serve = *app.add_subcommand("serve", "Run until stopped");
  add_options(serve, config);
  add_serving(serve, config);
  add_limits(serve, config.agents);
  CLI::App& rebuild =
      *app.add_subcommand("rebuild", "Make all totals again from the stored batches, and end");
  add_options(rebuild, config);
  rebuild.callback([&config] { config.command = Command::rebuild; });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Ended{app.exit(error) == 0 ? 0 : 2};
  }
  if (!is_loopback(config.http.host)) {
    static_cast<void>(std::fprintf(
        stderr,
        "gnomon-collector: --http %s is not on this machine alone; there are no accounts yet, so "
        "pages are shown on loopback addresses only\n",
        to_string(config.http).c_str()));
    return Ended{2};
  }
  if (config.keep_days > 0 && config.keep_days < kLeastKeepDays) {
    static_cast<void>(std::fprintf(
        stderr,
        "gnomon-collector: --keep-days %u is less than %u, so long agents hold what they could not "
        "send; 0 keeps all\n",
        config.keep_days, kLeastKeepDays));
    return Ended{2};
  }
  if (config.zone.empty()) {
    config.zone = usual_zone();
  } else if (!std::filesystem::exists("/usr/share/zoneinfo/" + config.zone)) {
    static_cast<void>(
        std::fprintf(stderr, "gnomon-collector: there is no zone '%s'\n", config.zone.c_str()));
    return Ended{2};
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no threads yet
  static_cast<void>(::setenv("TZ", config.zone.c_str(), 1));
  ::tzset();
  return config;
}

}  // namespace gnomon
