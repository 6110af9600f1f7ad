#include "collector/unknowns_rounds.h"

#include <chrono>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "core/log.h"

namespace gnomon {

namespace asio = boost::asio;

namespace {

// How long after a commit that touched tokens they are counted, with those of the commits between.
constexpr std::chrono::milliseconds kGather{500};

}  // namespace

class UnknownsRounds::Impl {
 public:
  Impl(asio::io_context& io, asio::thread_pool& pool, Unknowns& unknowns, std::function<void()> ask)
      : io_(io), pool_(pool), unknowns_(unknowns), ask_(std::move(ask)), gathering_(io) {}

  void touched(const std::vector<TokenId>& tokens) {
    if (!unknowns_.options().enabled) {
      return;
    }
    unknowns_.touched(tokens);
    asio::post(io_, [this] {
      if (std::exchange(waiting_, true) || stopping_) {
        return;
      }
      gathering_.expires_after(kGather);
      gathering_.async_wait([this](const boost::system::error_code& cancelled) {
        waiting_ = false;
        if (!cancelled) {
          check();
        }
      });
    });
  }

  void begin() {
    unknowns_.ask_again();
    ask_();
    check();
  }

  UnknownsDoor door() {
    UnknownsDoor door;
    door.policy = [this] { return unknowns_.policy(); };
    door.question = [this](const std::string& agent) { return unknowns_.question(agent); };
    door.answered = [this](const std::string& agent, wire::RevealReply reply) {
      asio::post(pool_, [this, agent, reply = std::move(reply)] {
        const auto taken = unknowns_.answered(agent, reply);
        if (!taken) {
          log::warn("unknowns.answer_not_stored", {{"reason", taken.error().text()}});
        } else if (*taken) {
          ask_();
        }
      });
    };
    return door;
  }

  void stop() { stopping_ = true; }

 private:
  // check counts on the pool and asks agents when there is something new to ask.
  void check() {
    asio::post(pool_, [this] {
      const auto news = unknowns_.check();
      if (!news) {
        log::warn("unknowns.not_checked", {{"reason", news.error().text()}});
      } else if (*news) {
        ask_();
      }
    });
  }

  asio::io_context& io_;
  asio::thread_pool& pool_;
  Unknowns& unknowns_;
  const std::function<void()> ask_;

  // The I/O thread's.
  asio::steady_timer gathering_;
  bool waiting_ = false;
  bool stopping_ = false;
};

UnknownsRounds::UnknownsRounds(asio::io_context& io, asio::thread_pool& pool, Unknowns& unknowns,
                               std::function<void()> ask)
    : impl_(std::make_unique<Impl>(io, pool, unknowns, std::move(ask))) {}
UnknownsRounds::~UnknownsRounds() = default;

void UnknownsRounds::touched(const std::vector<TokenId>& tokens) {
  impl_->touched(tokens);
}
void UnknownsRounds::begin() {
  impl_->begin();
}
UnknownsDoor UnknownsRounds::door() {
  return impl_->door();
}
void UnknownsRounds::stop() {
  impl_->stop();
}

}  // namespace gnomon
