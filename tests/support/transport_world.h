// TransportWorld: a collector's front (enrolment, ingest, administration) on loopback, and agents.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "agent/spool/spool.h"
#include "agent/uplink/enrol.h"
#include "agent/uplink/uplink.h"
#include "collector/enrol/admin_server.h"
#include "collector/enrol/authority.h"
#include "collector/enrol/enrol_server.h"
#include "collector/enrol/registry.h"
#include "collector/ingest/ingest_server.h"
#include "tests/support/chaos_proxy.h"
#include "tests/support/fake_meta_store.h"
#include "tests/support/fake_upload_sink.h"
#include "tests/support/temp_directory.h"

namespace gnomon::testing {

// TransportWorld runs the collector's side on a thread of its own, ports chosen by the system.
class TransportWorld {
 public:
  explicit TransportWorld(IngestOptions ingest_options = {});
  TransportWorld(const TransportWorld&) = delete;
  TransportWorld& operator=(const TransportWorld&) = delete;
  ~TransportWorld();

  std::string new_token(std::uint32_t uses = 1, std::chrono::hours life = std::chrono::hours{24});

  // enrol_into enrols into a folder below the world's own.
  Result<EnrolResult, EnrolError> enrol_into(const std::string& name, const std::string& token);

  std::string path(const std::string& name) const { return directory_.file(name); }
  HostPort ingest_address() const { return {"127.0.0.1", ingest->port()}; }
  HostPort enrol_address() const { return {"127.0.0.1", enrolment->port()}; }
  HostPort proxy_address() const { return {"127.0.0.1", proxy->port()}; }

  // refused reads ingest_refused_total for a reason; waits a little, because the agent may know
  // before the collector has counted.
  bool refused(const std::string& reason);
  bool enrol_refused(const std::string& reason);

  // First, because everything below holds on to it.
  boost::asio::io_context io;
  boost::asio::thread_pool pool{2};

  PosixFileSystem files;
  SystemClock clock;
  Counters counters;
  FakeMetaStore store;
  FakeUploadSink sink;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<IngestServer> ingest;
  std::unique_ptr<EnrolServer> enrolment;
  std::unique_ptr<AdminServer> admin;
  std::unique_ptr<ChaosProxy> proxy;  // in front of ingest

 private:
  bool counted(const std::string& series);

  TempDirectory directory_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

// TestAgent is a spool and an uplink on the test's own thread.
class TestAgent {
 public:
  TestAgent(TransportWorld& world, const std::string& name, HostPort collector,
            UplinkHooks hooks = {}, std::function<void(UplinkOptions&)> change = {});
  TestAgent(const TestAgent&) = delete;
  TestAgent& operator=(const TestAgent&) = delete;
  ~TestAgent();

  // run_until turns the agent's loop until `done` or the time is up; yields done().
  bool run_until(const std::function<bool()>& done,
                 std::chrono::seconds within = std::chrono::seconds{20});

  void append(const std::string& tool);

  boost::asio::io_context io;
  Counters counters;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Uplink> uplink;
};

}  // namespace gnomon::testing
