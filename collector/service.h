// Service: the collector's rooms, wired.

#pragma once

#include <memory>
#include <string>

#include "collector/config.h"
#include "core/result.h"

namespace rocksdb {
class Env;
}

namespace gnomon {

// ServiceError is one sentence for the operator. It always ends the program with status 2.
struct ServiceError {
  std::string text;
};

// Service opens the store and the authority, then listens for agents, for machines that join, for
// administration and for readers. Pages and health answer from the first moment; /readyz says no
// until everything listens, and again while batches cannot be stored.
//
// One thread (the caller's) runs the conversations with agents, a pool of two what blocks, the
// store has its committer, and HTTP its own threads.
class Service {
 public:
  // `env` is for tests that put a disk under the store which forgets or fails; it must outlive the
  // service.
  static Result<std::unique_ptr<Service>, ServiceError> start(const Config& config,
                                                              rocksdb::Env* env = nullptr);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // run serves until SIGTERM or SIGINT, then stops cleanly: agents are told to come back, queued
  // batches are committed. A second signal ends the waiting.
  void run();

 private:
  class Impl;
  explicit Service(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

// rebuild_store is `gnomon-collector rebuild`.
Result<Ok, ServiceError> rebuild_store(const Config& config);

}  // namespace gnomon
