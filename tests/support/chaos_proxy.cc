#include "tests/support/chaos_proxy.h"

#include <array>
#include <atomic>
#include <exception>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "core/check.h"
#include "core/net/await.h"
#include "core/net/listen.h"

namespace gnomon::testing {

using tcp = asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)

class ChaosProxy::Impl : public std::enable_shared_from_this<ChaosProxy::Impl> {
 public:
  Impl(asio::io_context& io, HostPort target) : io_(io), target_(std::move(target)) {}

  void start() {
    auto acceptor = listen_on(io_.get_executor(), HostPort{"127.0.0.1", 0});
    GNOMON_CHECK(acceptor.has_value());
    acceptor_.emplace(*std::move(acceptor));
    port_ = acceptor_->local_endpoint().port();
    asio::co_spawn(io_, accept(), [self = shared_from_this()](const std::exception_ptr&) {});
  }

  void cut() {
    for (Pair* pair : pairs_) {
      reset(*pair);
    }
  }

  void stop() {
    boost::system::error_code ignored;
    acceptor_->close(ignored);
    cut();
  }

  asio::io_context& io_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> limit_{0};

 private:
  struct Pair {
    tcp::socket client;
    tcp::socket target;
    std::size_t relayed = 0;
  };

  static void reset(Pair& pair) {
    boost::system::error_code ignored;
    for (tcp::socket* socket : {&pair.client, &pair.target}) {
      socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
  }

  asio::awaitable<void> accept() {
    for (;;) {
      auto accepted = co_await acceptor_->async_accept(kAwait);
      if (std::get<0>(accepted)) {
        co_return;
      }
      asio::co_spawn(io_, serve(std::move(std::get<1>(accepted))),
                     [self = shared_from_this()](const std::exception_ptr&) {});
    }
  }

  asio::awaitable<void> serve(tcp::socket client) {
    Pair pair{std::move(client), tcp::socket(io_)};
    pairs_.insert(&pair);
    const tcp::endpoint endpoint(asio::ip::make_address(target_.host), target_.port);
    const auto [failed] = co_await pair.target.async_connect(endpoint, kAwait);
    if (!failed) {
      co_await (relay(pair, true) && relay(pair, false));
    }
    pairs_.erase(&pair);
  }

  asio::awaitable<void> relay(Pair& pair, bool to_target) {
    tcp::socket& from = to_target ? pair.client : pair.target;
    tcp::socket& to = to_target ? pair.target : pair.client;
    std::array<char, 4096> piece{};
    for (;;) {
      const auto [read_error, size] = co_await from.async_read_some(asio::buffer(piece), kAwait);
      if (read_error) {
        break;
      }
      const auto [write_error, written] =
          co_await asio::async_write(to, asio::buffer(piece.data(), size), kAwait);
      if (write_error) {
        break;
      }
      pair.relayed += to_target ? written : 0;
      if (limit_ != 0 && pair.relayed >= limit_) {
        reset(pair);
        co_return;
      }
    }
    boost::system::error_code ignored;
    to.shutdown(tcp::socket::shutdown_send, ignored);
  }

  HostPort target_;
  std::optional<tcp::acceptor> acceptor_;
  std::set<Pair*> pairs_;
};

ChaosProxy::ChaosProxy(asio::io_context& io, HostPort target)
    : impl_(std::make_shared<Impl>(io, std::move(target))) {
  impl_->start();
}

ChaosProxy::~ChaosProxy() = default;

std::uint16_t ChaosProxy::port() const {
  return impl_->port_;
}
void ChaosProxy::cut() {
  asio::post(impl_->io_, [impl = impl_] { impl->cut(); });
}
void ChaosProxy::cut_after(std::size_t bytes) {
  impl_->limit_ = bytes;
}
void ChaosProxy::stop() {
  asio::post(impl_->io_, [impl = impl_] { impl->stop(); });
}

}  // namespace gnomon::testing
