#include "tests/support/transport_world.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "collector/enrol/admin_client.h"
#include "core/check.h"
#include "core/log.h"
#include "tests/support/batch_builder.h"
#include "tests/support/eventually.h"

namespace gnomon::testing {

TransportWorld::TransportWorld(IngestOptions ingest_options) : work_(io.get_executor()) {
  log::set_level(log::Level::error);
  AuthorityOptions authority_options;
  authority_options.directory = path("ca");
  authority_options.addresses = {"127.0.0.1"};
  auto opened = Authority::open(files, clock, std::move(authority_options));
  GNOMON_CHECK(opened.has_value());
  authority = *std::move(opened);
  auto known = Registry::open(store, *authority, clock, counters);
  GNOMON_CHECK(known.has_value());
  registry = *std::move(known);
  ingest_options.address = {"127.0.0.1", 0};
  ingest = std::make_unique<IngestServer>(
      IngestServer::Parts{io, pool, *authority, *registry, sink, clock, counters},
      std::move(ingest_options));
  GNOMON_CHECK(ingest->start().has_value());
  registry->on_barred([this](const std::string& agent) { ingest->drop_agent(agent); });
  EnrolServerOptions enrol_options;
  enrol_options.address = {"127.0.0.1", 0};
  enrol_options.agent_port = ingest->port();
  enrolment = std::make_unique<EnrolServer>(io, pool, *authority, *registry, clock, counters,
                                            std::move(enrol_options));
  GNOMON_CHECK(enrolment->start().has_value());
  admin = std::make_unique<AdminServer>(
      io, pool, path(kAdminSocket),
      enrolment_commands(EnrolmentParts{*registry, *authority, files, clock, path("ca")}));
  GNOMON_CHECK(admin->start().has_value());
  proxy = std::make_unique<ChaosProxy>(io, ingest_address());
  thread_ = std::thread([this] { io.run(); });
}

TransportWorld::~TransportWorld() {
  ingest->stop();
  proxy->stop();
  boost::asio::post(io, [this] {
    enrolment->stop();
    admin->stop();
  });
  work_.reset();
  thread_.join();
  pool.join();
}

std::string TransportWorld::new_token(std::uint32_t uses, std::chrono::hours life) {
  TokenOptions options;
  options.label = "test";
  options.max_uses = uses;
  options.life = life;
  const auto token = registry->create_token(options);
  GNOMON_CHECK(token.has_value());
  return token->text;
}

Result<EnrolResult, EnrolError> TransportWorld::enrol_into(const std::string& name,
                                                           const std::string& token) {
  EnrolOptions options;
  options.addresses = {enrol_address()};
  options.token = token;
  options.identity_directory = path(name);
  options.machine.os = "test";
  return enrol(files, options);
}

bool TransportWorld::counted(const std::string& series) {
  return eventually([&] { return counters.value(series) > 0; });
}

bool TransportWorld::refused(const std::string& reason) {
  return counted("ingest_refused_total{reason=\"" + reason + "\"}");
}

bool TransportWorld::enrol_refused(const std::string& reason) {
  return counted("enrol_refused_total{reason=\"" + reason + "\"}");
}

TestAgent::TestAgent(TransportWorld& world, const std::string& name, HostPort collector,
                     UplinkHooks hooks, std::function<void(UplinkOptions&)> change) {
  SpoolOptions spooloptions;
  spooloptions.directory = world.path(name + "-spool");
  auto opened = Spool::open(world.files, world.clock, counters, spooloptions);
  GNOMON_CHECK(opened.has_value());
  spool = *std::move(opened);
  UplinkOptions options;
  options.addresses = {std::move(collector)};
  options.identity_directory = world.path(name);
  options.first_backoff = std::chrono::milliseconds{1};
  options.max_backoff = std::chrono::milliseconds{20};
  if (change) {
    change(options);
  }
  uplink = std::make_unique<Uplink>(io, world.files, *spool, world.clock, counters,
                                    std::move(options), std::move(hooks));
  uplink->start();
}

TestAgent::~TestAgent() {
  uplink->stop();
  io.restart();
  io.run_for(std::chrono::seconds{5});
}

bool TestAgent::run_until(const std::function<bool()>& done, std::chrono::seconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!done() && std::chrono::steady_clock::now() < end) {
    if (io.stopped()) {
      io.restart();
    }
    io.run_one_for(std::chrono::milliseconds{10});
  }
  return done();
}

void TestAgent::append(const std::string& tool) {
  GNOMON_CHECK(spool->append(batch_of(tool)).has_value());
  uplink->spooled();
}

}  // namespace gnomon::testing
