// gnomon-collector: takes what agents report, stores it, and answers.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <variant>

#include "collector/config.h"
#include "collector/service.h"
#include "core/file.h"
#include "core/log.h"
#include "core/rights.h"

namespace {

constexpr int kFailed = 2;

int fail(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "gnomon-collector: %s\n", text.c_str()));
  return kFailed;
}

// leave_root makes sure that nothing of the collector runs with rights it does not need. The data
// folder is made first, and given to the user that it becomes. Empty: all is well.
std::string leave_root(const gnomon::Config& config) {
  if (::geteuid() == 0 && !config.user.empty()) {
    gnomon::PosixFileSystem files;
    if (const auto made = files.make_directory(config.data); !made) {
      return "the data folder cannot be made: " + made.error().text();
    }
    if (const auto given = gnomon::give_folder(config.data, config.user); !given) {
      return "the data folder cannot be given to " + config.user + ": " + given.error().text();
    }
    if (const auto became = gnomon::become_user(config.user); !became) {
      return "cannot become the user given with --user: " + became.error().text();
    }
  } else if (!config.user.empty()) {
    gnomon::log::info("collector.user_ignored", {{"why", "only root can become another user"}});
  }
  if (const auto given_up = gnomon::give_up_rights(); !given_up) {
    return "rights cannot be given up: " + given_up.error().text();
  }
  if (::geteuid() == 0) {
    gnomon::log::warn("collector.runs_as_root",
                      {{"now", "all rights beyond root's own files are given up"},
                       {"better", "give it a user of its own with --user, or use the unit"}});
  }
  return {};
}

int run(const gnomon::Config& config) {
  if (const std::string problem = leave_root(config); !problem.empty()) {
    return fail(problem);
  }
  if (config.command == gnomon::Command::rebuild) {
    const auto rebuilt = gnomon::rebuild_store(config);
    return rebuilt ? 0 : fail(rebuilt.error().text);
  }
  auto service = gnomon::Service::start(config);
  if (!service) {
    return fail(service.error().text);
  }
  (*service)->run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // A peer that is gone must show as an error of the write, not end the program.
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  try {
    const auto config = gnomon::read_config(argc, argv);
    if (const auto* ended = std::get_if<gnomon::Ended>(&config)) {
      return ended->status;
    }
    return run(std::get<gnomon::Config>(config));
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
