// gnomon-agent: sees which online tools this machine contacts, and reports sums of it.

#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "agent/agent_error.h"
#include "agent/commands.h"
#include "agent/config.h"
#include "agent/enrolment.h"
#include "agent/memory_trim.h"
#include "agent/replay_plan.h"
#include "agent/stop_signal.h"
#include "core/log.h"

#include <CLI/CLI.hpp>

namespace gnomon {
namespace {

// What the command line says; it wins over the file.
struct Flags {
  std::string config_file;
  std::string data;
  std::string collector;
  std::string rules;
  std::string trust;
  std::string interfaces;
  std::string learning_days;
  std::string log_level;
  std::string token;
  std::string at;
  bool all = false;
  bool json = false;
  bool unknowns = false;
  unsigned wait_s = 60;
  ReplayOptions replay;
};

Config config_of(const Flags& flags) {
  Config config;
  const bool named = !flags.config_file.empty();
  read_config(named ? flags.config_file : kDefaultConfigFile, named, config);
  const auto apply = [&](const char* key, const std::string& value) {
    if (!value.empty()) {
      try {
        config.set(key, value);
      } catch (const ConfigError& error) {
        throw ConfigError{std::string{"--"} + error.what()};
      }
    }
  };
  apply("data", flags.data);
  apply("collector", flags.collector);
  apply("rules", flags.rules);
  apply("trust", flags.trust);
  apply("interfaces", flags.interfaces);
  apply("learning-days", flags.learning_days);
  apply("log-level", flags.log_level);
  return config;
}

log::Level level_of(const std::string& word) {
  return word == "debug"   ? log::Level::debug
         : word == "warn"  ? log::Level::warn
         : word == "error" ? log::Level::error
                           : log::Level::info;
}

CLI::App* add_command(CLI::App& program, const std::string& name, const std::string& what,
                      const std::string& example) {
  CLI::App* command = program.add_subcommand(name, what);
  command->footer("Example:\n  " + example);
  return command;
}

int choose(int argc, char** argv) {
  CLI::App program{
      "Sees which online tools this machine contacts, judges what that means, and\n"
      "reports sums of it to a collector. Never contents; hosts outside the catalogue\n"
      "only as tokens, and only where this machine's own configuration allows it."};
  program.name("gnomon-agent");
  program.set_version_flag("--version", "gnomon-agent " GNOMON_VERSION);
  program.require_subcommand(1);
  program.fallthrough();
  program.failure_message(CLI::FailureMessage::simple);
  program.footer(
      "Exit status: 0 done; 1 done, but a capture was damaged or not everything arrived;\n"
      "2 could not be done, with the reason in one sentence on standard error.\n"
      "Keys of the configuration file and their defaults: agent/README.md.");

  Flags flags;
  program.add_option("--config", flags.config_file,
                     std::string{"configuration file (default: "} + kDefaultConfigFile + ")");
  program.add_option("--data", flags.data, "folder for identity, spool and memory");
  program.add_option("--collector", flags.collector, "host:port, several separated by commas");
  program.add_option("--rules", flags.rules, "signed rule pack");
  program.add_option("--trust", flags.trust, "who may sign it");
  program.add_option("--log-level", flags.log_level, "debug, info, warn or error");

  CLI::App* run = add_command(program, "run", "Watch this machine until stopped",
                              "gnomon-agent run --data /var/lib/gnomon-agent");
  run->add_option("--interfaces", flags.interfaces, "names separated by commas (default: all)");
  run->add_option("--learning-days", flags.learning_days,
                  "what is met so soon after the first start counts as known (default: 14)");

  CLI::App* replay =
      add_command(program, "replay", "Play captures as if this machine saw them",
                  "gnomon-agent replay --data ws1 --at 2026-11-16T09:10 monday.pcap\n\n"
                  "A replay that was killed goes on where it was when the same command is given\n"
                  "again; one that ended is not played twice.");
  replay->add_option("FILE", flags.replay.files, "captures (pcap, pcapng, also gz and zst)")
      ->required()
      ->type_name("");
  replay->add_option("--at", flags.at,
                     "when the first packet is to have been seen, in UTC: 2026-11-16T09:10");
  replay->add_option("--learning-days", flags.learning_days, "as for run (default: 0)");
  replay->add_flag("--again", flags.replay.again, "play it although it was played before");
  replay->add_flag("--abandon", flags.replay.abandon, "give up another, interrupted replay");
  replay->add_flag("--offline", flags.replay.offline, "fill the spool, send nothing");
  replay->add_option("--wait", flags.wait_s,
                     "seconds to wait for the collector or for room on the disk (default: 60)");

  CLI::App* enrol = add_command(
      program, "enrol", "Make this machine known to a collector",
      "gnomon-agent enrol --collector gnomon.example --token gn1....\n\n"
      "The port is that of the collector's enrolment listener, 7444 when none is given.");
  enrol->add_option("--token", flags.token, "join token, from `gnomon admin token create`")
      ->required();

  CLI::App* status = add_command(program, "status", "Say what is collected and how the agent fares",
                                 "gnomon-agent status --data /var/lib/gnomon-agent");
  CLI::App* explain =
      add_command(program, "explain", "Tell, in words, everything this machine reported",
                  "gnomon-agent explain --data /var/lib/gnomon-agent");
  explain->add_flag("--json", flags.json, "one JSON object a contact instead of words");
  explain->add_flag("--unknowns", flags.unknowns,
                    "instead: every domain outside the catalogue that this machine remembers");
  CLI::App* watch = add_command(program, "watch", "Show what can be seen right now, keep nothing",
                                "gnomon-agent watch --interfaces eth0");
  watch->add_option("--interfaces", flags.interfaces, "names separated by commas (default: all)");
  watch->add_flag("--all", flags.all, "also hosts outside the catalogue");

  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? kExitDone : kExitFailed;
  }

  const Config config = config_of(flags);
  log::set_level(level_of(config.log_level));
  StopSignal::install();
  if (run->parsed()) {
    return run_command(config);
  }
  if (replay->parsed()) {
    flags.replay.wait = std::chrono::seconds{flags.wait_s};
    if (!flags.at.empty()) {
      flags.replay.at = parse_time(flags.at);
      if (!flags.replay.at) {
        throw ConfigError{"--at: expected a time like 2026-11-16T09:10, not '" + flags.at + "'"};
      }
    }
    return replay_command(config, flags.replay);
  }
  if (enrol->parsed()) {
    return enrol_command(config, flags.token);
  }
  if (status->parsed()) {
    return status_command(config);
  }
  if (explain->parsed()) {
    return flags.unknowns ? explain_unknowns_command(config, flags.json)
                          : explain_command(config, flags.json);
  }
  return watch_command(config, flags.all);
}

}  // namespace
}  // namespace gnomon

int main(int argc, char** argv) {
  gnomon::bound_heap();
  try {
    return gnomon::choose(argc, argv);
  } catch (const std::exception& error) {
    static_cast<void>(std::fprintf(stderr, "gnomon-agent: %s\n", error.what()));
    return gnomon::kExitFailed;
  }
}
