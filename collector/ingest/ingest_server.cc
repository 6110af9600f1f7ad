#include "collector/ingest/ingest_server.h"

#include <algorithm>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "collector/ingest/agent_session.h"
#include "collector/ingest/handshake_gate.h"
#include "core/log.h"
#include "core/net/deadline.h"
#include "core/net/listen.h"
#include "core/net/socket_options.h"

namespace gnomon {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class IngestServer::Impl {
 public:
  Impl(const Parts& parts, IngestOptions options)
      : io_(parts.io),
        authority_(parts.authority),
        options_(std::move(options)),
        connect_rate_(options_.connects_per_second, options_.connect_burst),
        gate_(parts.io.get_executor(), options_.handshakes_at_once),
        world_(parts, options_),
        connected_(parts.counters.gauge("ingest_agents_connected", "Agents connected right now.")),
        open_gauge_(parts.counters.gauge(
            "ingest_connections_open", "Connections of agents, those in the handshake included.")) {
    world_.admit = [this](AgentSession& session) { admit(session); };
    world_.changed = [this](const AgentSession& session) { note(session); };
    take_tls();
  }

  Result<Ok, IoError> start() {
    auto acceptor = listen_on(io_.get_executor(), options_.address);
    if (!acceptor) {
      return Failure{acceptor.error()};
    }
    acceptor_.emplace(*std::move(acceptor));
    port_ = acceptor_->local_endpoint().port();
    spawn(accept());
    return Ok{};
  }

  void stop() {
    asio::post(io_, [this] {
      stopping_ = true;
      if (acceptor_) {
        boost::system::error_code ignored;
        acceptor_->close(ignored);
      }
      gate_.stop();
      world_.pacer.stop();
      for (tcp::socket* socket : silent_) {
        boost::system::error_code ignored;
        socket->close(ignored);
      }
      for (AgentSession* session : sessions_) {
        session->end(wire::ErrorCode::going_away, "the collector stops and will be back");
      }
    });
  }

  void drop_agent(const std::string& agent) {
    asio::post(io_, [this, agent] {
      if (const auto found = by_agent_.find(agent); found != by_agent_.end()) {
        world_.refuse(std::string{to_string(world_.registry.bar(agent))} + "-live");
        found->second->bar();
      }
    });
  }

  void offer(wire::PushKind kind, const PushContent& content) {
    asio::post(io_, [this, kind, offer = PushOffer::make(kind, content)] {
      world_.offer_of(kind) = offer;
      for (AgentSession* session : sessions_) {
        session->offer();
      }
    });
  }

  void set_unknowns(UnknownsDoor door) { world_.unknowns = std::move(door); }

  void ask_unknowns() {
    asio::post(io_, [this] {
      for (AgentSession* session : sessions_) {
        session->ask_unknowns();
      }
    });
  }

  void renew_tls() {
    asio::post(io_, [this] { take_tls(); });
  }

  std::uint16_t port() const { return port_; }

  std::vector<LiveAgent> live() const {
    const std::lock_guard lock(mutex_);
    std::vector<LiveAgent> all;
    all.reserve(live_.size());
    for (const auto& [agent, about] : live_) {
      all.push_back(about);
    }
    return all;
  }

 private:
  void spawn(asio::awaitable<void> task) {
    asio::co_spawn(io_, std::move(task), [](const std::exception_ptr& thrown) {
      if (thrown) {
        log::error("ingest.task_failed");
      }
    });
  }

  void take_tls() {
    tls_ = std::make_shared<TlsContext>(TlsContext::server(authority_.server_tls(true)));
  }

  asio::awaitable<void> accept() {
    asio::steady_timer pause(io_);
    for (;;) {
      auto accepted = co_await acceptor_->async_accept(kAwait);
      if (stopping_) {
        co_return;
      }
      if (std::get<0>(accepted)) {
        // Out of descriptors: trying again at once would only spin.
        world_.refuse("accept-failed");
        pause.expires_after(kAcceptPause);
        static_cast<void>(co_await pause.async_wait(kAwait));
        continue;
      }
      tcp::socket& socket = std::get<1>(accepted);
      if (open_ >= options_.max_connections) {
        world_.refuse("too-many-connections");
      } else if (!may_connect(socket)) {
        world_.refuse("connect-rate");
      } else {
        spawn(serve(std::move(socket)));
      }
    }
  }

  bool may_connect(const tcp::socket& socket) {
    boost::system::error_code gone;
    const asio::ip::address address = socket.remote_endpoint(gone).address();
    const auto& shared = options_.shared_addresses;
    return std::any_of(shared.begin(), shared.end(),
                       [&](const IpRange& range) { return range.contains(address); }) ||
           connect_rate_.take(site_of(address), world_.clock.monotonic());
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    open_gauge_.set(static_cast<std::int64_t>(++open_));
    const bool speaks = co_await hear_first_byte(socket);
    if (speaks) {
      co_await converse(std::move(socket));
    }
    open_gauge_.set(static_cast<std::int64_t>(--open_));
  }

  // hear_first_byte keeps whoever connects and says nothing out of the line for handshakes.
  asio::awaitable<bool> hear_first_byte(tcp::socket& socket) {
    silent_.insert(&socket);
    Deadline deadline(socket);
    deadline.arm(options_.handshake_within);
    const auto [failed] = co_await socket.async_wait(tcp::socket::wait_read, kAwait);
    deadline.disarm();
    silent_.erase(&socket);
    if (failed && !stopping_) {
      world_.refuse(to_string(deadline.expired() ? NetFault::timed_out : NetFault::closed));
    }
    co_return !failed;
  }

  asio::awaitable<void> converse(tcp::socket socket) {
    const auto pass = co_await gate_.enter();
    if (!pass) {
      co_return;
    }
    if (pass->waited && peer_has_closed(socket)) {
      // It gave up while it stood in line: a handshake would be work for nobody.
      gate_.leave(*pass);
      world_.refuse(to_string(NetFault::closed));
      co_return;
    }
    // Shared with the sink's callbacks, which may come when the connection is gone.
    const auto session = std::make_shared<AgentSession>(std::move(socket), tls_, world_);
    sessions_.insert(session.get());
    const bool secured = co_await session->shake_hands();
    gate_.leave(*pass);
    if (secured) {
      co_await session->run();
    }
    sessions_.erase(session.get());
    const std::string& agent = session->about().agent;
    if (const auto found = by_agent_.find(agent);
        found != by_agent_.end() && found->second == session.get()) {
      by_agent_.erase(found);
      connected_.set(static_cast<std::int64_t>(by_agent_.size()));
      const std::lock_guard lock(mutex_);
      live_.erase(agent);
    }
  }

  // admit keeps one session an agent: after a cut cable the old one may look alive for minutes.
  void admit(AgentSession& session) {
    AgentSession*& holder = by_agent_[session.about().agent];
    if (holder != nullptr && holder != &session) {
      world_.refuse(wire::to_string(wire::ErrorCode::replaced));
      holder->end(wire::ErrorCode::replaced, "the same agent connected again");
    }
    holder = &session;
    connected_.set(static_cast<std::int64_t>(by_agent_.size()));
  }

  void note(const AgentSession& session) {
    const std::lock_guard lock(mutex_);
    live_[session.about().agent] = session.about();
  }

  // Set once.
  asio::io_context& io_;
  Authority& authority_;
  const IngestOptions options_;

  // The I/O thread's.
  std::optional<tcp::acceptor> acceptor_;
  std::uint16_t port_ = 0;
  bool stopping_ = false;
  RateLimit connect_rate_;
  HandshakeGate gate_;
  SessionWorld world_;
  Gauge& connected_;
  Gauge& open_gauge_;
  std::size_t open_ = 0;  // connections, whatever their state
  std::set<tcp::socket*> silent_;
  std::shared_ptr<TlsContext> tls_;
  std::set<AgentSession*> sessions_;
  std::map<std::string, AgentSession*> by_agent_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, LiveAgent> live_;
};

IngestServer::IngestServer(const Parts& parts, IngestOptions options)
    : impl_(std::make_unique<Impl>(parts, std::move(options))) {}

IngestServer::~IngestServer() = default;

Result<Ok, IoError> IngestServer::start() {
  return impl_->start();
}
std::uint16_t IngestServer::port() const {
  return impl_->port();
}
void IngestServer::stop() {
  impl_->stop();
}
void IngestServer::drop_agent(const std::string& agent) {
  impl_->drop_agent(agent);
}
void IngestServer::offer(wire::PushKind kind, const PushContent& content) {
  impl_->offer(kind, content);
}
void IngestServer::set_unknowns(UnknownsDoor door) {
  impl_->set_unknowns(std::move(door));
}
void IngestServer::ask_unknowns() {
  impl_->ask_unknowns();
}
void IngestServer::renew_tls() {
  impl_->renew_tls();
}
std::vector<LiveAgent> IngestServer::live() const {
  return impl_->live();
}

}  // namespace gnomon
