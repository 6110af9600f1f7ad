// gnomon export-contacts: what a collector has stored, contact by contact.

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/contact_export.h"
#include "cli/output.h"

#include <CLI/CLI.hpp>

namespace gnomon::cli {

void add_export(CLI::App& app, int& exit_code) {
  const auto directory = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("export-contacts", "Write every contact a collector has stored");
  command->footer(
      "One JSON object a line, in the order of agents and batches. Reads the data folder, also\n"
      "beside a running collector. For audits: users and devices are the pseudonyms as stored.\n\n"
      "Example:\n"
      "  gnomon export-contacts --data /var/lib/gnomon-collector\n\n"
      "Exit code: 0 all were written; 2 the folder cannot be read.");
  command->add_option("--data", *directory, "the collector's data folder")->required();
  command->callback([directory, &exit_code] {
    Output output{STDOUT_FILENO};
    const std::string trouble = export_contacts(*directory, output);
    output.flush();
    if (!trouble.empty()) {
      static_cast<void>(std::fprintf(stderr, "gnomon: %s\n", trouble.c_str()));
      exit_code = kImpossible;
    }
  });
}

}  // namespace gnomon::cli
