// gnomon-soak-collector: the collector on a disk that forgets what was not synced when the
// process is killed, and that gives input/output errors while a file says so.
//
//   GNOMON_SOAK_NOTES=FILE GNOMON_SOAK_LINKS=FOLDER [GNOMON_SOAK_FAULT=FILE]
//       gnomon-soak-collector serve --data DIR ...
//
// The file of the fault holds "syncs" or "writes" (tests/support/failing_rocksdb.h); a missing or
// empty one means that the disk is well.

#include <rocksdb/env.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <string>
#include <variant>

#include "collector/config.h"
#include "collector/service.h"
#include "tests/support/failing_rocksdb.h"
#include "tests/support/forgetful_rocksdb.h"
#include "tests/support/power_cut.h"

namespace {

int fail(const char* text) {
  static_cast<void>(std::fprintf(stderr, "gnomon-soak-collector: %s\n", text));
  return 2;
}

gnomon::testing::DiskFault fault_in(const std::string& path) {
  using gnomon::testing::DiskFault;
  std::string word;
  if (!path.empty()) {
    std::ifstream{path} >> word;
  }
  return word == "syncs"    ? DiskFault::syncs
         : word == "writes" ? DiskFault::writes
                            : DiskFault::none;
}

int run(int argc, char** argv) {
  const char* notes_file = std::getenv("GNOMON_SOAK_NOTES");  // NOLINT(concurrency-mt-unsafe)
  const char* links = std::getenv("GNOMON_SOAK_LINKS");       // NOLINT(concurrency-mt-unsafe)
  const char* fault_file = std::getenv("GNOMON_SOAK_FAULT");  // NOLINT(concurrency-mt-unsafe)
  if (notes_file == nullptr || links == nullptr) {
    return fail("GNOMON_SOAK_NOTES and GNOMON_SOAK_LINKS say where it takes notes");
  }
  const auto config = gnomon::read_config(argc, argv);
  if (const auto* ended = std::get_if<gnomon::Ended>(&config)) {
    return ended->status;
  }
  gnomon::testing::PowerCutNotes notes{notes_file, links};
  const auto forgetful = gnomon::testing::forgetful_env(notes);
  const std::string fault = fault_file == nullptr ? "" : fault_file;
  const auto env =
      gnomon::testing::failing_env([fault] { return fault_in(fault); }, forgetful.get());
  auto service = gnomon::Service::start(std::get<gnomon::Config>(config), env.get());
  if (!service) {
    return fail(service.error().text.c_str());
  }
  (*service)->run();
  service->reset();  // before the environments
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
