#include "collector/service.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "collector/digest/digests.h"
#include "collector/enrol/authority.h"
#include "collector/enrol/policy_book.h"
#include "collector/enrol/registry.h"
#include "collector/http/face.h"
#include "collector/http/server.h"
#include "collector/listeners.h"
#include "collector/query/query.h"
#include "collector/review/review.h"
#include "collector/rules_in_use.h"
#include "collector/store/store.h"
#include "collector/unknowns/unknown_list.h"
#include "collector/unknowns/unknowns.h"
#include "collector/unknowns_rounds.h"
#include "core/file.h"
#include "core/log.h"
#include "core/net/repeating_timer.h"
#include "core/rights.h"

namespace gnomon {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPoolThreads = 2;
constexpr std::chrono::minutes kUpkeepPause{10};
constexpr std::chrono::seconds kStopWithin{5};
constexpr std::chrono::milliseconds kLookWhetherQuiet{50};

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

bool is_address(const std::string& name) {
  return name.find(':') != std::string::npos ||
         name.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

class Service::Impl {
 public:
  Impl(const Config& config, rocksdb::Env* env) : config_(config), env_(env), pool_(kPoolThreads) {}

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
    for (const auto step : {&Impl::open_data, &Impl::open_catalogue, &Impl::open_http,
                            &Impl::open_store, &Impl::open_authority, &Impl::listen}) {
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
    upkeep_.start();
    ready_ = true;
    log::info("collector.ready", {{"agents", listeners_->agent_port()},
                                  {"enrol", listeners_->enrol_port()},
                                  {"http", http_->port()}});
    io_.run();
    log::info("collector.stopped");
  }

 private:
  std::optional<std::string> open_data() { return prepare_data(files_, config_.data); }

  std::optional<std::string> open_catalogue() { return rules_.open_catalogue(); }

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
    options.on_unknowns = [this](const std::vector<TokenId>& tokens) { rounds_->touched(tokens); };
    auto opened = Store::open(std::move(options), clock_, counters_);
    if (!opened) {
      return opened.error().text;
    }
    store_ = std::move(*opened);
    // The folder is ours now: ports of an earlier run must not be taken for those of this one.
    static_cast<void>(files_.remove(config_.data + "/ports.json"));
    if (auto problem = rules_.open_own()) {
      return problem;
    }
    query_ = std::make_unique<Query>(*store_, rules_.now(), clock_);
    unknown_list_ = std::make_unique<UnknownList>(
        *store_, *store_, [this] { return rules_.now(); }, clock_);
    review_ = std::make_unique<Review>(*store_, clock_);
    rules_.followed_by(*query_, *review_);
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
    open_unknowns();
    policies_ = std::make_unique<PolicyBook>(*store_, clock_);
    return std::nullopt;
  }

  void open_unknowns() {
    UnknownsOptions options;
    options.enabled = config_.unknowns;
    options.min_devices = config_.unknowns_devices;
    Unknowns::Parts parts{*store_,
                          *store_,
                          clock_,
                          counters_,
                          [this] { return rules_.now(); },
                          [this] { return registry_->not_counted(); }};
    unknowns_ = std::make_unique<Unknowns>(std::move(parts), options);
    rounds_ = std::make_unique<UnknownsRounds>(io_, pool_, *unknowns_,
                                               [this] { listeners_->ask_unknowns(); });
  }

  std::optional<std::string> listen() {
    listeners_ = std::make_unique<Listeners>(
        Listeners::Parts{io_, pool_, config_, files_, clock_, counters_, *authority_, *registry_,
                         *policies_, *store_, rules_, *query_, *review_});
    return listeners_->open(rounds_->door());
  }

  // write_ports tells other programs where we listen, for when port 0 was asked for.
  std::optional<std::string> write_ports() {
    const std::string text = "{\"agents\": " + std::to_string(listeners_->agent_port()) +
                             ", \"enrol\": " + std::to_string(listeners_->enrol_port()) +
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
        asio::post(io_, [this] { listeners_->renew_tls(); });
      }
      static_cast<void>(rules_.read_file());
      if (const auto issued = digests_->of(query_->last_week(), true); !issued) {
        log::warn("collector.digest_failed", {{"reason", issued.error().text()}});
      }
      // The sample is as old as it is, and is never too old to be shown.
      if (const auto kept = store_->retain(config_.sample ? 0 : config_.keep_days); !kept) {
        log::warn("collector.retention_failed", {{"reason", kept.error().text()}});
      }
    });
    rounds_->begin();
  }

  void stop() {
    log::info("collector.stopping");
    ready_ = false;
    listeners_->stop();
    rounds_->stop();
    upkeep_.stop();
    // Agents are being told to come back; who does not hang up is not waited for long.
    patience_.expires_after(kStopWithin);
    patience_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        io_.stop();
      }
    });
    look_whether_quiet_.start();
  }

  // stop_when_quiet ends the run when the last agent has hung up.
  void stop_when_quiet() {
    if (!listeners_->has_agents()) {
      io_.stop();
    }
  }

  const Config config_;
  rocksdb::Env* const env_;  // null: the machine's own
  SystemClock clock_;
  Counters counters_;
  PosixFileSystem files_;
  RulesInUse rules_{files_, clock_, config_};
  std::atomic<bool> ready_{false};
  std::atomic<const Face*> face_ready_{nullptr};
  std::atomic<const Registry*> registry_ready_{nullptr};  // pages answer before it is open

  asio::io_context io_{1};
  asio::thread_pool pool_;
  // The I/O thread's.
  RepeatingTimer upkeep_{io_, kUpkeepPause, [this] { keep_up(); }};
  RepeatingTimer look_whether_quiet_{io_, kLookWhetherQuiet, [this] { stop_when_quiet(); }};
  asio::steady_timer patience_{io_};
  bool stopping_ = false;

  std::unique_ptr<Authority> authority_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PolicyBook> policies_;
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<Query> query_;
  std::unique_ptr<UnknownList> unknown_list_;
  std::unique_ptr<Unknowns> unknowns_;
  std::unique_ptr<UnknownsRounds> rounds_;
  std::unique_ptr<Review> review_;
  std::unique_ptr<Digests> digests_;
  std::unique_ptr<Face> face_;
  std::unique_ptr<HttpServer> http_;
  // Last, so that it goes first: its committer still speaks to those who listen.
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
