// gnomon: analyse captures, work on rules, print a digest, administer a collector.

#include "cli/commands.h"

#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app{
      "Finds the online tools that are used without anyone having looked at them.\n"
      "Start with: gnomon analyze capture.pcap"};
  app.name("gnomon");
  app.set_version_flag("--version", "gnomon " GNOMON_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);

  int exit_code = gnomon::cli::kDone;
  gnomon::cli::add_analyze(app, exit_code);
  gnomon::cli::add_digest(app, exit_code);
  gnomon::cli::add_rules(app, exit_code);
  gnomon::cli::add_admin(app, exit_code);
  gnomon::cli::add_export(app, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version end with 0; every wrong use with the one code for it.
    return app.exit(error) == 0 ? gnomon::cli::kDone : gnomon::cli::kImpossible;
  }
  return exit_code;
}
