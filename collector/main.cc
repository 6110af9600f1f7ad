// gnomon-collector: takes what agents report, stores it, and answers.

#include <csignal>
#include <cstdio>
#include <exception>
#include <variant>

#include "collector/config.h"
#include "collector/service.h"

namespace {

constexpr int kFailed = 2;

int fail(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "gnomon-collector: %s\n", text.c_str()));
  return kFailed;
}

int run(const gnomon::Config& config) {
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
