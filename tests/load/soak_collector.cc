// gnomon-soak-collector: the collector on a disk that forgets what was not synced when the
// process is killed.
//
//   GNOMON_SOAK_NOTES=FILE GNOMON_SOAK_LINKS=FOLDER gnomon-soak-collector serve --data DIR ...

#include <rocksdb/env.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <variant>

#include "collector/config.h"
#include "collector/service.h"
#include "tests/support/forgetful_rocksdb.h"
#include "tests/support/power_cut.h"

namespace {

int fail(const char* text) {
  static_cast<void>(std::fprintf(stderr, "gnomon-soak-collector: %s\n", text));
  return 2;
}

int run(int argc, char** argv) {
  const char* notes_file = std::getenv("GNOMON_SOAK_NOTES");  // NOLINT(concurrency-mt-unsafe)
  const char* links = std::getenv("GNOMON_SOAK_LINKS");       // NOLINT(concurrency-mt-unsafe)
  if (notes_file == nullptr || links == nullptr) {
    return fail("GNOMON_SOAK_NOTES and GNOMON_SOAK_LINKS say where it takes notes");
  }
  const auto config = gnomon::read_config(argc, argv);
  if (const auto* ended = std::get_if<gnomon::Ended>(&config)) {
    return ended->status;
  }
  gnomon::testing::PowerCutNotes notes{notes_file, links};
  const auto env = gnomon::testing::forgetful_env(notes);
  auto service = gnomon::Service::start(std::get<gnomon::Config>(config), env.get());
  if (!service) {
    return fail(service.error().text.c_str());
  }
  (*service)->run();
  service->reset();  // before the environment
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
