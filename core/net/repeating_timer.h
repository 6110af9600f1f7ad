// RepeatingTimer: what is done again and again on the thread of an io_context.

#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace gnomon {

// RepeatingTimer calls `act` each time `pause` has passed since start() or since the last call
// returned. It must outlive the run of the io_context, or be stopped and the handlers have run.
// One thread: that of the io_context.
class RepeatingTimer {
 public:
  RepeatingTimer(boost::asio::io_context& io, std::chrono::milliseconds pause,
                 std::function<void()> act)
      : pause_(pause), act_(std::move(act)), timer_(io) {}
  RepeatingTimer(const RepeatingTimer&) = delete;
  RepeatingTimer& operator=(const RepeatingTimer&) = delete;
  ~RepeatingTimer() = default;

  void start() {
    stopped_ = false;
    arm();
  }

  // stop is final for a call whose time had come already, too: a handler that is queued cannot be
  // called back, so that it asks.
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  void arm() {
    timer_.expires_after(pause_);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled || stopped_) {
        return;
      }
      act_();
      if (!stopped_) {
        arm();
      }
    });
  }

  const std::chrono::milliseconds pause_;
  const std::function<void()> act_;
  boost::asio::steady_timer timer_;
  bool stopped_ = true;
};

}  // namespace gnomon
