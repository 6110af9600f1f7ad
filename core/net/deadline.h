// Deadline: ends every wait on a socket when time is up.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace gnomon {

// Deadline cancels all waits on a socket unless it is disarmed in time. The socket must outlive
// it. One thread: that of the socket.
class Deadline {
 public:
  explicit Deadline(boost::asio::ip::tcp::socket& socket)
      : timer_(socket.get_executor()), state_(std::make_shared<State>()) {
    state_->socket = &socket;
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { state_->socket = nullptr; }

  void arm(std::chrono::milliseconds within) {
    const std::uint64_t turn = ++state_->turn;
    state_->expired = false;
    timer_.expires_after(within);
    // Shared, because a handler that is queued already cannot be called back: it may run when the
    // deadline, and even the connection, are gone.
    timer_.async_wait([state = state_, turn](const boost::system::error_code& cancelled) {
      if (!cancelled && state->turn == turn && state->socket != nullptr) {
        state->expired = true;
        boost::system::error_code ignored;
        state->socket->cancel(ignored);
      }
    });
  }

  void disarm() {
    ++state_->turn;
    timer_.cancel();
  }

  bool expired() const { return state_->expired; }

 private:
  struct State {
    boost::asio::ip::tcp::socket* socket = nullptr;
    std::uint64_t turn = 0;
    bool expired = false;
  };

  boost::asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

}  // namespace gnomon
