#include "agent/uplink/uplink.h"

#include <algorithm>
#include <array>
#include <exception>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agent/uplink/conversation.h"
#include "agent/uplink/credentials.h"
#include "agent/uplink/push_receiver.h"
#include "core/log.h"
#include "core/net/backoff.h"
#include "core/net/connect.h"
#include "core/net/crypto.h"

namespace gnomon {
namespace {

using std::chrono::milliseconds;

// How long an agent without an identity waits before it looks again.
constexpr milliseconds kLookAgain{5000};

}  // namespace

std::string_view to_string(UplinkState state) {
  constexpr std::array<std::string_view, 6> kWords = {"not-enrolled", "connecting", "connected",
                                                      "waiting",      "refused",    "stopped"};
  return kWords.at(static_cast<std::size_t>(state));
}

class Uplink::Impl {
 public:
  // NOLINTNEXTLINE(readability-function-size): what Uplink was given, no more
  Impl(asio::io_context& io, FileSystem& files, Spool& spool, const Clock& clock,
       Counters& counters, UplinkOptions options, UplinkHooks hooks)
      : io_(io),
        spool_(spool),
        clock_(clock),
        options_(std::move(options)),
        hooks_(std::move(hooks)),
        counters_(counters),
        credentials_(files, clock, spool, options_),
        receiver_(files, options_, hooks_),
        backoff_(options_.first_backoff, options_.max_backoff, std::random_device{}()),
        pause_(io) {
    status_.since = clock_.wall();
  }

  void start() {
    asio::co_spawn(io_, run(), [](const std::exception_ptr& thrown) {
      if (thrown) {
        log::error("uplink.task_failed");
      }
    });
  }

  void stop() {
    stopping_ = true;
    pause_.cancel();
    if (talk_ != nullptr) {
      talk_->stop();
    }
  }

  void spooled() {
    if (talk_ != nullptr) {
      talk_->spooled();
    }
  }

  const UplinkStatus& status() const { return status_; }

 private:
  // After is what a connection leaves for the next attempt.
  struct After {
    bool reached = false;   // somebody answered
    bool greeted = false;   // and it was a collector that took us
    bool hopeless = false;  // trying again soon is
    milliseconds asked_to_wait{0};
  };

  void change(UplinkState state, std::string reason) {
    if (status_.state != state) {
      status_.since = clock_.wall();
    }
    const bool news =
        state != UplinkState::connecting && (state != logged_ || reason != status_.reason);
    status_.state = state;
    status_.reason = std::move(reason);
    if (!news) {
      return;
    }
    logged_ = state;
    if (state == UplinkState::connected) {
      log::info("uplink.connected",
                {{"waiting", spool_.waiting()}, {"resumed", status_.resumed ? "yes" : "no"}});
    } else if (state != UplinkState::stopped) {
      log::warn("uplink.disconnected", {{"state", to_string(state)}, {"reason", status_.reason}});
    }
  }

  asio::awaitable<void> run() {
    while (!stopping_) {
      std::string obstacle = credentials_.load();
      const bool ready = obstacle.empty();
      After after;
      if (ready) {
        after = co_await serve();
      } else {
        change(UplinkState::not_enrolled, std::move(obstacle));
      }
      if (stopping_) {
        break;
      }
      pause_.expires_after(ready ? wait_after(after) : kLookAgain);
      static_cast<void>(co_await pause_.async_wait(kAwait));
    }
    change(UplinkState::stopped, "");
  }

  milliseconds wait_after(const After& after) {
    if (after.hopeless) {
      return options_.max_backoff;
    }
    if (after.greeted) {
      backoff_.reset();
    } else if (after.reached && options_.addresses.size() > 1) {
      // Whoever answered does not serve us, so another comes first next time.
      std::rotate(options_.addresses.begin(), options_.addresses.begin() + 1,
                  options_.addresses.end());
    }
    return std::max(backoff_.next(), std::min(after.asked_to_wait, options_.max_backoff));
  }

  // serve is one connection from beginning to end.
  asio::awaitable<After> serve() {
    After after;
    change(UplinkState::connecting, status_.reason);
    ConnectOptions where;
    where.addresses = options_.addresses;
    where.proxy = options_.proxy;
    where.per_attempt = options_.connect_within;
    auto socket = co_await connect_to_any(std::move(where));
    if (!socket) {
      counters_.failures.add();
      change(UplinkState::waiting, socket.error().text);
      co_return after;
    }
    after.reached = true;
    if (stopping_) {
      co_return after;
    }
    Conversation talk(*std::move(socket), credentials_.tls(), world_, io_.get_executor());
    talk_ = &talk;
    after.greeted = co_await talk.greet();
    if (after.greeted) {
      status_.resumed = talk.resumed();
      ++status_.connections;
      change(UplinkState::connected, "");
      co_await talk.run();
    }
    talk_ = nullptr;
    if (!stopping_) {
      counters_.failures.add();
      change(talk.hopeless() ? UplinkState::refused : UplinkState::waiting, talk.reason());
    }
    after.hopeless = talk.hopeless();
    after.asked_to_wait = talk.asked_to_wait();
    co_return after;
  }

  asio::io_context& io_;
  Spool& spool_;
  const Clock& clock_;
  UplinkOptions options_;  // the addresses change their order
  const UplinkHooks hooks_;
  const std::string run_id_ = random_bytes(wire::kRunBytes);
  UplinkCounters counters_;
  Credentials credentials_;
  PushReceiver receiver_;
  Backoff backoff_;
  asio::steady_timer pause_;
  UplinkStatus status_;
  UplinkWorld world_{spool_,    clock_,    options_, hooks_, credentials_,
                     receiver_, counters_, status_,  run_id_};
  UplinkState logged_ = UplinkState::connecting;
  Conversation* talk_ = nullptr;
  bool stopping_ = false;
};

Uplink::Uplink(boost::asio::io_context& io, FileSystem& files, Spool& spool, const Clock& clock,
               Counters& counters, UplinkOptions options, UplinkHooks hooks)
    : impl_(std::make_unique<Impl>(io, files, spool, clock, counters, std::move(options),
                                   std::move(hooks))) {}

Uplink::~Uplink() = default;

void Uplink::start() {
  impl_->start();
}
void Uplink::stop() {
  impl_->stop();
}
void Uplink::spooled() {
  impl_->spooled();
}
const UplinkStatus& Uplink::status() const {
  return impl_->status();
}

}  // namespace gnomon
