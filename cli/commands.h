// The commands of `gnomon`. Each is one function in one file; main.cc lists them.
//
// A command adds its subcommand to `app` and sets `exit_code` when it was chosen and has run. CLI11
// is included by the command's own file alone: it costs ten seconds a time.

#pragma once

namespace CLI {
class App;
}  // namespace CLI

namespace gnomon::cli {

// Exit codes every command keeps to.
constexpr int kDone = 0;
constexpr int kPartly = 1;      // something was damaged or found wanting; what there was is out
constexpr int kImpossible = 2;  // wrong use, or something that is needed cannot be had

void add_analyze(CLI::App& app, int& exit_code);
void add_digest(CLI::App& app, int& exit_code);
void add_rules(CLI::App& app, int& exit_code);
void add_admin(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);

}  // namespace gnomon::cli
