#include "tests/support/chaos_proxy.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "core/check.h"
#include "core/net/await.h"
#include "core/net/listen.h"

namespace gnomon::testing {

using tcp = asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

namespace {

enum class Fate : std::uint8_t { pass, cut, half_open, slow, deaf, late };

// What is counted when a fate comes, by Fate.
constexpr std::array<std::uint64_t ChaosCounts::*, 6> kCounts{nullptr,
                                                              &ChaosCounts::cut,
                                                              &ChaosCounts::half_open,
                                                              &ChaosCounts::slow,
                                                              &ChaosCounts::deaf,
                                                              &ChaosCounts::late};

// Draw is one connection's fate and when it comes.
struct Draw {
  Fate fate = Fate::pass;
  std::size_t after_bytes = 0;  // towards the target
  milliseconds after{0};        // whichever of the two comes first
  milliseconds lasts{0};        // until the connection is over
  std::size_t bytes_a_second = 0;
};

}  // namespace

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

  void trouble(ChaosOdds odds, std::uint64_t seed) {
    odds_ = odds;
    random_.seed(seed);
  }

  ChaosCounts counts() const {
    const std::lock_guard lock{mutex_};
    return counts_;
  }

  asio::io_context& io_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> limit_{0};

 private:
  struct Pair {
    Pair(tcp::socket accepted, asio::io_context& io, Draw drawn)
        : client(std::move(accepted)), target(io), draw(drawn), due(io), awake(io) {}

    tcp::socket client;
    tcp::socket target;
    Draw draw;
    asio::steady_timer due;    // when its fate comes
    asio::steady_timer awake;  // rings when a silenced pair may go on, which is at its end
    std::size_t relayed = 0;   // towards the target
    bool struck = false;       // its fate has come
    bool over = false;
    std::string held;  // of a late one: sent by the client, not yet passed on
  };

  static void reset_socket(tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
  }

  static void reset(Pair& pair) {
    pair.over = true;
    reset_socket(pair.client);
    reset_socket(pair.target);
    pair.due.cancel();
    pair.awake.cancel();
  }

  Draw draw_fate() {
    const auto between = [this](std::int64_t least, std::int64_t most) {
      return std::uniform_int_distribution<std::int64_t>{least, most}(random_);
    };
    Draw draw;
    auto percent = static_cast<unsigned>(between(0, 99));
    const std::array<std::pair<Fate, unsigned>, 5> odds{{{Fate::cut, odds_.cut},
                                                         {Fate::half_open, odds_.half_open},
                                                         {Fate::slow, odds_.slow},
                                                         {Fate::deaf, odds_.deaf},
                                                         {Fate::late, odds_.late}}};
    for (const auto& [fate, share] : odds) {
      if (percent < share) {
        draw.fate = fate;
        break;
      }
      percent -= share;
    }
    // A handshake and a hello are about two kilobytes: some fates come before the first upload.
    draw.after_bytes = static_cast<std::size_t>(between(1, 24'000));
    draw.after = milliseconds{between(50, 20'000)};
    draw.lasts = milliseconds{between(200, 8'000)};
    draw.bytes_a_second = static_cast<std::size_t>(between(200, 2'000));
    return draw;
  }

  void count(std::uint64_t ChaosCounts::*field) {
    const std::lock_guard lock{mutex_};
    ++(counts_.*field);
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
    Pair pair{std::move(client), io_, draw_fate()};
    count(&ChaosCounts::connections);
    pairs_.insert(&pair);
    const tcp::endpoint endpoint(asio::ip::make_address(target_.host), target_.port);
    const auto [failed] = co_await pair.target.async_connect(endpoint, kAwait);
    if (!failed) {
      co_await (relay_up(pair) && relay_down(pair) && strike(pair));
    }
    pairs_.erase(&pair);
  }

  // strike waits for the pair's hour and does to it what was drawn.
  asio::awaitable<void> strike(Pair& pair) {
    if (pair.draw.fate == Fate::pass) {
      co_return;
    }
    pair.due.expires_after(pair.draw.after);
    static_cast<void>(co_await pair.due.async_wait(kAwait));
    if (pair.over || pair.draw.fate == Fate::pass) {
      co_return;
    }
    pair.struck = true;
    count(kCounts.at(static_cast<std::size_t>(pair.draw.fate)));
    if (pair.draw.fate == Fate::cut) {
      reset(pair);
      co_return;
    }
    if (pair.draw.fate == Fate::late) {
      co_await deliver_late(pair);
      co_return;
    }
    if (pair.draw.fate == Fate::slow) {
      co_return;  // slow it stays
    }
    pair.due.expires_after(pair.draw.lasts);
    static_cast<void>(co_await pair.due.async_wait(kAwait));
    reset(pair);
  }

  // deliver_late holds back what the client sends, resets the client, and passes it on when the
  // client has long come back over another connection.
  asio::awaitable<void> deliver_late(Pair& pair) {
    pair.due.expires_after(pair.draw.lasts / 4);
    static_cast<void>(co_await pair.due.async_wait(kAwait));
    reset_socket(pair.client);
    pair.due.expires_after(pair.draw.lasts);
    static_cast<void>(co_await pair.due.async_wait(kAwait));
    static_cast<void>(co_await asio::async_write(pair.target, asio::buffer(pair.held), kAwait));
    reset(pair);
  }

  // how_much is what of `size` bytes passes before the pair is to be cut.
  std::size_t how_much(const Pair& pair, std::size_t size) const {
    std::size_t passes = size;
    if (limit_ != 0) {
      passes = std::min(passes, limit_ - std::min<std::size_t>(limit_, pair.relayed));
    }
    if (pair.draw.fate == Fate::cut && !pair.struck) {
      passes = std::min(passes, pair.draw.after_bytes - pair.relayed);
    }
    return passes;
  }

  bool is_due(const Pair& pair) const {
    return pair.draw.fate != Fate::pass && !pair.struck && pair.relayed >= pair.draw.after_bytes;
  }

  asio::awaitable<void> pause(Pair& pair, std::size_t size) {
    if (pair.draw.fate == Fate::slow && pair.struck) {
      asio::steady_timer timer{io_};
      timer.expires_after(milliseconds{1000 * size / pair.draw.bytes_a_second});
      static_cast<void>(co_await timer.async_wait(kAwait));
    }
    while (pair.draw.fate == Fate::half_open && pair.struck && !pair.over) {
      pair.awake.expires_at(asio::steady_timer::time_point::max());
      static_cast<void>(co_await pair.awake.async_wait(kAwait));
    }
  }

  asio::awaitable<void> relay_up(Pair& pair) {
    std::array<char, 2048> piece{};
    for (;;) {
      const auto [read_error, size] =
          co_await pair.client.async_read_some(asio::buffer(piece), kAwait);
      if (read_error) {
        break;
      }
      co_await pause(pair, size);
      if (pair.draw.fate == Fate::late && pair.struck) {
        pair.held.append(piece.data(), size);
        continue;
      }
      const std::size_t passes = how_much(pair, size);
      const auto [write_error, written] =
          co_await asio::async_write(pair.target, asio::buffer(piece.data(), passes), kAwait);
      if (write_error) {
        break;
      }
      pair.relayed += written;
      if (limit_ != 0 && pair.relayed >= limit_) {
        reset(pair);
        co_return;
      }
      if (is_due(pair)) {
        pair.due.cancel();
      }
      if (passes < size) {
        co_return;  // its fate was to be cut here
      }
    }
    hang_up(pair, pair.target);
  }

  asio::awaitable<void> relay_down(Pair& pair) {
    std::array<char, 2048> piece{};
    for (;;) {
      const auto [read_error, size] =
          co_await pair.target.async_read_some(asio::buffer(piece), kAwait);
      if (read_error) {
        break;
      }
      co_await pause(pair, size);
      if (pair.draw.fate == Fate::deaf && pair.struck) {
        continue;
      }
      const auto [write_error, written] =
          co_await asio::async_write(pair.client, asio::buffer(piece.data(), size), kAwait);
      if (write_error) {
        break;
      }
    }
    hang_up(pair, pair.client);
  }

  // hang_up passes an end on. A pair whose fate is still to come, or under way, waits for it no
  // longer, but for a late one: the end of its client is what it is about.
  static void hang_up(Pair& pair, tcp::socket& to) {
    if (pair.draw.fate == Fate::late && pair.struck) {
      return;
    }
    boost::system::error_code ignored;
    to.shutdown(tcp::socket::shutdown_send, ignored);
    if (!pair.struck) {
      pair.draw.fate = Fate::pass;
      pair.due.cancel();
    }
  }

  HostPort target_;
  std::optional<tcp::acceptor> acceptor_;
  std::set<Pair*> pairs_;
  ChaosOdds odds_;
  std::mt19937_64 random_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  ChaosCounts counts_;
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
void ChaosProxy::trouble(ChaosOdds odds, std::uint64_t seed) {
  asio::post(impl_->io_, [impl = impl_, odds, seed] { impl->trouble(odds, seed); });
}
ChaosCounts ChaosProxy::counts() const {
  return impl_->counts();
}
void ChaosProxy::stop() {
  asio::post(impl_->io_, [impl = impl_] { impl->stop(); });
}

}  // namespace gnomon::testing
