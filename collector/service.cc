#include "collector/service.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "collector/backup.h"
#include "collector/digest/digests.h"
#include "collector/enrol/admin_client.h"
#include "collector/enrol/admin_server.h"
#include "collector/enrol/authority.h"
#include "collector/enrol/enrol_server.h"
#include "collector/enrol/policy_book.h"
#include "collector/enrol/policy_commands.h"
#include "collector/enrol/registry.h"
#include "collector/http/face.h"
#include "collector/http/server.h"
#include "collector/ingest/ingest_server.h"
#include "collector/overlay_commands.h"
#include "collector/own_rules.h"
#include "collector/query/query.h"
#include "collector/review/review.h"
#include "collector/review_commands.h"
#include "collector/rules.h"
#include "collector/store/store.h"
#include "collector/unknowns/unknown_list.h"
#include "collector/unknowns/unknowns.h"
#include "collector/unknowns_commands.h"
#include "core/file.h"
#include "core/log.h"
#include "core/net/descriptor_limit.h"
#include "core/rights.h"

namespace gnomon {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPoolThreads = 2;

// Open files beside the connections of agents: RocksDB's tables, readers of pages, the rest.
constexpr std::uint64_t kOwnDescriptors = 1024;
constexpr std::chrono::minutes kUpkeepPause{10};
constexpr std::chrono::seconds kStopWithin{5};
constexpr std::chrono::milliseconds kGatherUnknowns{500};

StoreOptions store_options(const Config& config) {
  StoreOptions options;
  options.directory = config.data + "/store";
  options.sample = config.sample;
  options.calendar = Calendar::local();
  options.zone = config.zone;
  options.reserve_bytes = std::uint64_t{config.reserve_mib} << 20;
  if (config.sample) {
    // The sample was recorded once and is played for ever: its dates are right however old.
    options.admit.max_age = std::chrono::hours{24 * 365 * 50};
    options.admit.max_ahead = std::chrono::hours{24 * 365 * 50};
  }
  return options;
}

std::string listening_problem(const char* what, const HostPort& address, const IoError& error) {
  if (error.code == std::errc::address_in_use) {
    return "port " + std::to_string(address.port) + " of " + address.host + " (" + what +
           ") is in use by another program";
  }
  return std::string{"cannot listen on "} + to_string(address) + " (" + what +
         "): " + error.code.message();
}

// prepare_data makes the folder and finds out now, not at the first batch, whether it takes data.
std::optional<std::string> prepare_data(FileSystem& files, const std::string& data) {
  if (const auto made = files.make_directory(data); !made) {
    return "the data folder cannot be made: " + made.error().text();
  }
  const std::string probe = data + "/.writable";
  if (const auto written = replace_file(files, probe, "", Durable::no); !written) {
    return "the data folder cannot be written: " + written.error().text();
  }
  static_cast<void>(files.remove(probe));
  return std::nullopt;
}

// connections_possible raises the limit of open files to what the system allows, and says once how
// far that goes when it is not far enough.
std::size_t connections_possible(std::size_t wanted) {
  const std::uint64_t files = raise_descriptor_limit();
  const std::uint64_t possible = files > kOwnDescriptors ? files - kOwnDescriptors : 1;
  if (possible < wanted) {
    log::warn("collector.few_descriptors",
              {{"open_files", files},
               {"agents_possible", possible},
               {"agents_wanted", wanted},
               {"cure", "raise LimitNOFILE= of the service, or `ulimit -Hn`"}});
  }
  return static_cast<std::size_t>(std::min<std::uint64_t>(possible, wanted));
}

bool is_address(const std::string& name) {
  return name.find(':') != std::string::npos ||
         name.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

class Service::Impl {
 public:
  Impl(const Config& config, rocksdb::Env* env)
      : config_(config), env_(env), pool_(kPoolThreads), upkeep_(io_) {}

  ~Impl() {
    // Whoever asks others goes first: readers, then the conversations, then what blocks; the
    // store commits what is queued and is the first of the members to go.
    http_.reset();
    io_.stop();
    pool_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::optional<std::string> start() {
    for (const auto step : {&Impl::open_data, &Impl::open_pack, &Impl::open_http, &Impl::open_store,
                            &Impl::open_authority, &Impl::listen}) {
      if (auto problem = (this->*step)()) {
        return problem;
      }
    }
    return write_ports();
  }

  void run() {
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    std::function<void()> wait_for_signal = [&] {
      signals.async_wait([&](const boost::system::error_code& error, int /*signal*/) {
        if (error) {
          return;
        }
        if (std::exchange(stopping_, true)) {
          io_.stop();
          return;
        }
        wait_for_signal();
        stop();
      });
    };
    wait_for_signal();
    keep_up();
    ready_ = true;
    log::info("collector.ready",
              {{"agents", ingest_->port()}, {"enrol", enrol_->port()}, {"http", http_->port()}});
    io_.run();
    log::info("collector.stopped");
  }

 private:
  std::optional<std::string> open_data() { return prepare_data(files_, config_.data); }

  std::optional<std::string> open_pack() {
    auto loaded = open_rules(files_, config_.rules, config_.trust);
    if (!loaded) {
      return loaded.error();
    }
    if (!loaded->has_value()) {
      log::warn("collector.no_rule_pack", {{"effect", "tools are called by their ids"}});
    }
    rules_ = loaded->value_or(OfferedRules{});
    return std::nullopt;
  }

  // open_own_rules needs a catalogue to hold them against. A file that is wrong stops nothing: the
  // overlay before it stays in use, and the log and `gnomon admin overlay show` say why.
  std::optional<std::string> open_own_rules() {
    if (rules_.pack == nullptr) {
      return std::nullopt;
    }
    auto opened = OwnRules::open(
        files_, clock_, {config_.overlay, config_.data + "/ca", config_.data + "/overlay.pack"},
        rules_.pack);
    if (!opened) {
      return "the company's own rules cannot be used: " + opened.error();
    }
    own_rules_ = std::move(*opened);
    static_cast<void>(own_rules_->read_file());
    return std::nullopt;
  }

  // open_http comes before the store: opening may rebuild totals for minutes, and who asks in the
  // meantime should hear so.
  std::optional<std::string> open_http() {
    HttpOptions options;
    options.address = config_.http;
    http_ = std::make_unique<HttpServer>(
        [this](const HttpRequest& request) {
          const Face* face = face_ready_.load();
          if (face == nullptr) {
            return HttpResponse{request.target == "/healthz" ? 200U : 503U,
                                "text/plain",
                                "the collector is starting\n",
                                {}};
          }
          return face->answer(request);
        },
        counters_, options);
    if (const auto started = http_->start(); !started) {
      return listening_problem("pages", config_.http, started.error());
    }
    return std::nullopt;
  }

  std::optional<std::string> open_store() {
    StoreOptions options = store_options(config_);
    options.env = env_;
    options.on_unknowns = [this](const std::vector<TokenId>& tokens) { unknowns_touched(tokens); };
    auto opened = Store::open(std::move(options), clock_, counters_);
    if (!opened) {
      return opened.error().text;
    }
    store_ = std::move(*opened);
    // The folder is ours now: ports of an earlier run must not be taken for those of this one.
    static_cast<void>(files_.remove(config_.data + "/ports.json"));
    if (auto problem = open_own_rules()) {
      return problem;
    }
    query_ = std::make_unique<Query>(
        *store_, own_rules_ == nullptr ? rules_.pack : own_rules_->rules(), clock_);
    unknown_list_ = std::make_unique<UnknownList>(
        *store_, *store_, [this] { return rules_now(); }, clock_);
    review_ = std::make_unique<Review>(*store_, clock_);
    follow_own_list();
    digests_ = std::make_unique<Digests>(*query_, *review_, *store_, clock_,
                                         DigestPolicy{config_.min_group}, unknown_list_.get());
    face_ = std::make_unique<Face>(
        FaceParts{*query_,
                  *review_,
                  *digests_,
                  counters_,
                  clock_,
                  [this] { return readiness(); },
                  config_.min_group,
                  unknown_list_.get(),
                  {config_.unknowns, config_.unknowns_devices},
                  [this](const std::string& agent) {
                    const Registry* known = registry_ready_.load();
                    return std::string{to_string(known == nullptr ? Bar::none : known->bar(agent))};
                  }});
    face_ready_ = face_.get();
    return std::nullopt;
  }

  std::optional<std::string> open_authority() {
    AuthorityOptions options;
    options.directory = config_.data + "/ca";
    options.addresses = {"127.0.0.1", "::1"};
    for (const std::string& name : config_.names) {
      (is_address(name) ? options.addresses : options.dns_names).push_back(name);
    }
    std::vector<std::string> keys;
    for (const char* name : {"root", "agents", "servers", "server", "policy", "imported"}) {
      keys.push_back(options.directory + "/" + name + ".key");
    }
    if (std::string exposed = exposed_keys(keys); !exposed.empty()) {
      return exposed;
    }
    auto authority = Authority::open(files_, clock_, std::move(options));
    if (!authority) {
      return "the certificate authority cannot be opened: " + authority.error().text();
    }
    authority_ = std::move(*authority);
    auto registry = Registry::open(*store_, *authority_, clock_, counters_);
    if (!registry) {
      return "the registry of agents cannot be read: " + registry.error().text();
    }
    registry_ = std::move(*registry);
    registry_ready_ = registry_.get();
    registry_->on_barred([this](const std::string& agent) { ingest_->drop_agent(agent); });
    open_unknowns();
    policies_ = std::make_unique<PolicyBook>(*store_, clock_);
    policies_->on_set([this](const Policy& policy) { offer_policy(policy); });
    return std::nullopt;
  }

  // rules_now is the catalogue with the company's own rules over it, as they are at this moment.
  std::shared_ptr<const RulePack> rules_now() const {
    return own_rules_ == nullptr ? rules_.pack : own_rules_->rules();
  }

  void open_unknowns() {
    UnknownsOptions options;
    options.enabled = config_.unknowns;
    options.min_devices = config_.unknowns_devices;
    Unknowns::Parts parts{*store_,
                          *store_,
                          clock_,
                          counters_,
                          [this] { return rules_now(); },
                          [this] { return registry_->not_counted(); }};
    unknowns_ = std::make_unique<Unknowns>(std::move(parts), options);
  }

  // check_unknowns counts on the pool and asks agents when there is something new to ask.
  void check_unknowns() {
    asio::post(pool_, [this] {
      const auto news = unknowns_->check();
      if (!news) {
        log::warn("unknowns.not_checked", {{"reason", news.error().text()}});
      } else if (*news) {
        ingest_->ask_unknowns();
      }
    });
  }

  // unknowns_touched gathers what many commits touch into one check.
  void unknowns_touched(const std::vector<TokenId>& tokens) {
    if (!config_.unknowns) {
      return;
    }
    unknowns_->touched(tokens);
    asio::post(io_, [this] {
      if (std::exchange(unknowns_waiting_, true) || stopping_) {
        return;
      }
      unknowns_timer_.expires_after(kGatherUnknowns);
      unknowns_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        unknowns_waiting_ = false;
        if (!cancelled) {
          check_unknowns();
        }
      });
    });
  }

  UnknownsDoor unknowns_door() {
    UnknownsDoor door;
    door.policy = [this] { return unknowns_->policy(); };
    door.question = [this](const std::string& agent) { return unknowns_->question(agent); };
    door.answered = [this](const std::string& agent, wire::RevealReply reply) {
      asio::post(pool_, [this, agent, reply = std::move(reply)] {
        const auto taken = unknowns_->answered(agent, reply);
        if (!taken) {
          log::warn("unknowns.answer_not_stored", {{"reason", taken.error().text()}});
        } else if (*taken) {
          ingest_->ask_unknowns();
        }
      });
    };
    return door;
  }

  std::optional<std::string> listen() {
    IngestOptions ingest = config_.agents;
    ingest.address = config_.listen;
    ingest.max_connections = connections_possible(ingest.max_connections);
    ingest_ = std::make_unique<IngestServer>(io_, pool_, *authority_, *registry_, *store_, clock_,
                                             counters_, ingest);
    ingest_->set_unknowns(unknowns_door());
    if (const auto started = ingest_->start(); !started) {
      return listening_problem("agents", config_.listen, started.error());
    }
    offer_pack();
    offer_overlay();
    const auto policy = policies_->policy();
    if (!policy) {
      return "the policy cannot be read: " + policy.error().text();
    }
    if (policy->has_value()) {
      offer_policy(**policy);
    }

    EnrolServerOptions enrol;
    if (own_rules_ != nullptr) {
      enrol.overlay_trust = [this] { return own_rules_->trust(); };
    }
    enrol.address = config_.enrol;
    enrol.agent_port = ingest_->port();
    enrol_ = std::make_unique<EnrolServer>(io_, pool_, *authority_, *registry_, clock_, counters_,
                                           enrol);
    if (const auto started = enrol_->start(); !started) {
      return listening_problem("enrolment", config_.enrol, started.error());
    }

    const std::string socket = config_.data + "/" + kAdminSocket;
    admin_ = std::make_unique<AdminServer>(
        io_, pool_, socket,
        enrolment_commands(
            EnrolmentParts{*registry_, *authority_, files_, clock_, config_.data + "/ca",
                           [this] { return connected_agents(); }},
            policy_commands(
                *policies_,
                overlay_commands(
                    own_rules_.get(), [this] { return follow_overlay(own_rules_->read_file()); },
                    [this] { return follow_overlay(own_rules_->replace_keys()); },
                    backup_commands(
                        files_, *store_, config_.data,
                        unknowns_commands(*store_, clock_, review_commands(*review_, *query_)))))));
    if (const auto started = admin_->start(); !started) {
      return "cannot listen on " + socket + ": " + started.error().code.message();
    }
    return std::nullopt;
  }

  void offer_pack() {
    if (rules_.pack != nullptr) {
      ingest_->offer(wire::PushKind::rule_pack,
                     PushContent{rules_.version, std::exchange(rules_.bytes, {})});
    }
  }

  void offer_overlay() {
    if (own_rules_ != nullptr && own_rules_->overlay() != nullptr) {
      ingest_->offer(wire::PushKind::overlay,
                     PushContent{own_rules_->overlay()->version(), own_rules_->bytes()});
    }
  }

  void follow_own_list() {
    const auto overlay = own_rules_ == nullptr ? nullptr : own_rules_->overlay();
    if (overlay == nullptr) {
      return;
    }
    if (const auto followed = follow_list(*review_, *overlay, *own_rules_->rules()); !followed) {
      log::warn("overlay.list_not_followed", {{"why", followed.error().text}});
    }
  }

  // follow_overlay makes everything follow an overlay that is new. On a pool thread.
  Reading follow_overlay(Reading reading) {
    if (reading.what == Reading::What::taken) {
      query_->set_pack(own_rules_->rules());
      follow_own_list();
      offer_overlay();
    }
    return reading;
  }

  // connected_agents says of every agent that is connected what it follows.
  std::map<std::string, std::string> connected_agents() const {
    std::map<std::string, std::string> all;
    for (const LiveAgent& agent : ingest_->live()) {
      all[agent.agent] =
          "yes, rules " + std::to_string(agent.pack_version) + ", policy " +
          (agent.policy_version == 0 ? "none" : std::to_string(agent.policy_version)) + ", " +
          std::to_string(agent.waiting) + " waiting";
    }
    return all;
  }

  // offer_policy signs it and sends it to every agent that has an older one.
  void offer_policy(const Policy& policy) {
    ingest_->offer(wire::PushKind::policy, PushContent{policy.version, authority_->sign(policy)});
    counters_.gauge("policy_version", "Version of the policy that agents are asked to follow.")
        .set(policy.version);
  }

  // write_ports tells other programs where we listen, for when port 0 was asked for.
  std::optional<std::string> write_ports() {
    const std::string text = "{\"agents\": " + std::to_string(ingest_->port()) +
                             ", \"enrol\": " + std::to_string(enrol_->port()) +
                             ", \"http\": " + std::to_string(http_->port()) + "}\n";
    const auto written = replace_file(files_, config_.data + "/ports.json", text, Durable::no);
    if (!written) {
      return written.error().text();
    }
    return std::nullopt;
  }

  Ready readiness() const {
    if (!ready_) {
      return {false, "the collector is starting"};
    }
    const StoreState state = store_->state();
    return {state.accepting, state.reason};
  }

  // keep_up does, every few minutes, what nobody asks for: certificates, the company's own rules
  // and last week's digest.
  void keep_up() {
    asio::post(pool_, [this] {
      if (const auto renewed = authority_->renew_server(); renewed && *renewed) {
        asio::post(io_, [this] {
          ingest_->renew_tls();
          enrol_->renew_tls();
        });
      }
      if (own_rules_ != nullptr) {
        static_cast<void>(follow_overlay(own_rules_->read_file()));
      }
      if (const auto issued = digests_->of(query_->last_week(), true); !issued) {
        log::warn("collector.digest_failed", {{"reason", issued.error().text()}});
      }
      // The sample is as old as it is, and is never too old to be shown.
      if (const auto kept = store_->retain(config_.sample ? 0 : config_.keep_days); !kept) {
        log::warn("collector.retention_failed", {{"reason", kept.error().text()}});
      }
    });
    // A new quarter has a new key; whoever did not answer is not waited for; whom nobody counted in
    // the meantime is counted now.
    unknowns_->ask_again();
    ingest_->ask_unknowns();
    check_unknowns();
    upkeep_.expires_after(kUpkeepPause);
    upkeep_.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopping_) {
        keep_up();
      }
    });
  }

  void stop() {
    log::info("collector.stopping");
    ready_ = false;
    ingest_->stop();
    enrol_->stop();
    admin_->stop();
    // Agents are being told to come back; who does not hang up is not waited for long.
    upkeep_.expires_after(kStopWithin);
    upkeep_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        io_.stop();
      }
    });
    wait_until_quiet();
  }

  // wait_until_quiet ends the run when the last agent has hung up.
  void wait_until_quiet() {
    quiet_.expires_after(std::chrono::milliseconds{50});
    quiet_.async_wait([this](const boost::system::error_code& error) {
      if (error) {
        return;
      }
      if (ingest_->live().empty()) {
        io_.stop();
      } else {
        wait_until_quiet();
      }
    });
  }

  const Config config_;
  rocksdb::Env* const env_;  // null: the machine's own
  SystemClock clock_;
  Counters counters_;
  PosixFileSystem files_;
  OfferedRules rules_;
  std::unique_ptr<OwnRules> own_rules_;  // absent without a catalogue
  std::atomic<bool> ready_{false};
  std::atomic<const Face*> face_ready_{nullptr};
  std::atomic<const Registry*> registry_ready_{nullptr};  // pages answer before it is open

  asio::io_context io_{1};
  asio::thread_pool pool_;
  // The I/O thread's.
  asio::steady_timer upkeep_;
  asio::steady_timer quiet_{io_};
  asio::steady_timer unknowns_timer_{io_};
  bool unknowns_waiting_ = false;
  bool stopping_ = false;

  std::unique_ptr<Authority> authority_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PolicyBook> policies_;
  std::unique_ptr<IngestServer> ingest_;
  std::unique_ptr<EnrolServer> enrol_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<Query> query_;
  std::unique_ptr<UnknownList> unknown_list_;
  std::unique_ptr<Unknowns> unknowns_;
  std::unique_ptr<Review> review_;
  std::unique_ptr<Digests> digests_;
  std::unique_ptr<Face> face_;
  std::unique_ptr<HttpServer> http_;
  // Last, so that it goes first: its committer still speaks to ingest.
  std::unique_ptr<Store> store_;
};

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() = default;

Result<std::unique_ptr<Service>, ServiceError> Service::start(const Config& config,
                                                              rocksdb::Env* env) {
  auto impl = std::make_unique<Impl>(config, env);
  if (auto problem = impl->start()) {
    return Failure{ServiceError{std::move(*problem)}};
  }
  return std::unique_ptr<Service>{new Service{std::move(impl)}};
}

void Service::run() {
  impl_->run();
}

Result<Ok, ServiceError> rebuild_store(const Config& config) {
  SystemClock clock;
  Counters counters;
  auto store = Store::open(store_options(config), clock, counters);
  if (!store) {
    return Failure{ServiceError{store.error().text}};
  }
  if (const auto rebuilt = (*store)->rebuild(); !rebuilt) {
    return Failure{ServiceError{rebuilt.error().text()}};
  }
  return Ok{};
}

}  // namespace gnomon
