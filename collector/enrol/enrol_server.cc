#include "collector/enrol/enrol_server.h"

#include <exception>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/log.h"
#include "core/net/link.h"
#include "core/net/listen.h"
#include "core/net/rate_limit.h"
#include "core/net/run_on.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using Tcp = asio::ip::tcp;

constexpr std::chrono::milliseconds kFarewell{1000};
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class EnrolServer::Impl {
 public:
  // NOLINTNEXTLINE(readability-function-size): what EnrolServer was given, no more
  Impl(asio::io_context& io, asio::thread_pool& pool, Authority& authority, Registry& registry,
       const Clock& clock, Counters& counters, EnrolServerOptions options)
      : io_(io),
        pool_(pool),
        authority_(authority),
        registry_(registry),
        clock_(clock),
        counters_(counters),
        options_(std::move(options)),
        attempts_(options_.per_second, options_.burst),
        failures_(options_.failures_per_minute / 60.0, options_.failures_per_minute) {
    renew_tls();
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
    if (acceptor_) {
      boost::system::error_code ignored;
      acceptor_->close(ignored);
    }
    for (TlsConnection* connection : connections_) {
      connection->close();
    }
  }

  void renew_tls() {
    tls_ = std::make_shared<TlsContext>(TlsContext::server(authority_.server_tls(false)));
  }

  std::uint16_t port() const { return port_; }

 private:
  void spawn(asio::awaitable<void> task) {
    asio::co_spawn(io_, std::move(task), [](const std::exception_ptr& thrown) {
      if (thrown) {
        log::error("enrol.task_failed");
      }
    });
  }

  void refuse(std::string_view reason) {
    counters_
        .counter("enrol_refused_total", "Enrolments and renewals refused.", {{"reason", reason}})
        .add();
  }

  asio::awaitable<void> accept() {
    asio::steady_timer pause(io_);
    for (;;) {
      auto accepted = co_await acceptor_->async_accept(kAwait);
      if (!acceptor_->is_open()) {
        co_return;
      }
      if (std::get<0>(accepted)) {
        // Out of descriptors: trying again at once would only spin.
        pause.expires_after(kAcceptPause);
        static_cast<void>(co_await pause.async_wait(kAwait));
        continue;
      }
      if (connections_.size() >= options_.max_connections) {
        refuse("too-many-connections");
        continue;
      }
      spawn(serve(std::move(std::get<1>(accepted))));
    }
  }

  asio::awaitable<void> serve(Tcp::socket socket) {
    boost::system::error_code gone;
    const std::string address = socket.remote_endpoint(gone).address().to_string();
    // Shared, because a renewal of the certificate must not pull the context from under us.
    const std::shared_ptr<TlsContext> tls = tls_;
    TlsConnection connection(std::move(socket), *tls);
    connections_.insert(&connection);
    co_await converse(connection, address);
    co_await connection.finish(kFarewell);
    connections_.erase(&connection);
  }

  asio::awaitable<void> converse(TlsConnection& connection, std::string address) {
    const auto secured = co_await connection.handshake(options_.handshake_within);
    if (!secured) {
      refuse(to_string(secured.error().fault));
      co_return;
    }
    auto received = co_await receive(connection, wire::kMaxHelloFrameBytes, options_.message_within,
                                     options_.message_within);
    if (!received) {
      refuse(to_string(received.error().fault));
      co_return;
    }
    auto* request = std::get_if<wire::EnrolRequest>(&*received);
    if (request == nullptr) {
      refuse(to_string(NetFault::bad_message));
      co_return;
    }
    wire::Envelope answer = co_await decide(std::move(*request), std::move(address));
    static_cast<void>(co_await send(connection, std::move(answer), options_.message_within));
  }

  asio::awaitable<wire::Envelope> decide(wire::EnrolRequest request, std::string address) {
    const MonotonicTime now = clock_.monotonic();
    const bool allowed = failures_.wait_for(address, now).count() == 0 && attempts_.take("", now);
    if (!allowed) {
      refuse(wire::to_string(wire::ErrorCode::throttled));
      wire::Error error{wire::ErrorCode::throttled, "too many enrolments at once: try again later",
                        5000};
      co_return error;
    }
    auto work = [this, &request] { return registry_.enrol(request); };
    auto enrolled = co_await run_on(pool_, work);
    if (!enrolled) {
      static_cast<void>(failures_.take(address, now));
      co_return enrolled.error();
    }
    wire::EnrolReply reply;
    reply.agent = enrolled->agent;
    reply.chain = chain_to_der(enrolled->chain);
    reply.root = authority_.root().to_der();
    reply.port = options_.agent_port;
    reply.overlay_trust = options_.overlay_trust ? options_.overlay_trust() : std::string{};
    co_return reply;
  }

  asio::io_context& io_;
  asio::thread_pool& pool_;
  Authority& authority_;
  Registry& registry_;
  const Clock& clock_;
  Counters& counters_;
  EnrolServerOptions options_;
  std::optional<Tcp::acceptor> acceptor_;
  std::uint16_t port_ = 0;
  std::shared_ptr<TlsContext> tls_;
  RateLimit attempts_;
  RateLimit failures_;
  std::set<TlsConnection*> connections_;
};

EnrolServer::EnrolServer(boost::asio::io_context& io, boost::asio::thread_pool& pool,
                         Authority& authority, Registry& registry, const Clock& clock,
                         Counters& counters, EnrolServerOptions options)
    : impl_(std::make_unique<Impl>(io, pool, authority, registry, clock, counters,
                                   std::move(options))) {}

EnrolServer::~EnrolServer() = default;

Result<Ok, IoError> EnrolServer::start() {
  return impl_->start();
}
void EnrolServer::stop() {
  impl_->stop();
}
std::uint16_t EnrolServer::port() const {
  return impl_->port();
}
void EnrolServer::renew_tls() {
  impl_->renew_tls();
}

}  // namespace gnomon
