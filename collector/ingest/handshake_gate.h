// HandshakeGate: not all handshakes at once.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/net/await.h"

namespace gnomon {

// HandshakeGate lets so many handshakes be under way and makes others wait in line. Without it
// thousands that reconnect together would each get a little of the processor, and all would run
// into their deadlines together. A handshake that is slow, for its peer is far or idle, keeps its
// place for `grace` only and then goes on beside the others: slow peers cannot close the gate.
//
// One thread: that of the executor.
class HandshakeGate {
 public:
  struct Pass {
    std::uint64_t number = 0;
    bool waited = false;  // in line
  };

  HandshakeGate(const boost::asio::any_io_executor& executor, std::size_t at_once,
                std::chrono::milliseconds grace = std::chrono::milliseconds{1000});

  // enter waits for a place; nullopt when stop() came first.
  asio::awaitable<std::optional<Pass>> enter();

  void leave(const Pass& pass);

  // stop sends everybody in line away, now and later.
  void stop();

  std::size_t waiting() const { return line_.size(); }

 private:
  using Time = std::chrono::steady_clock::time_point;

  // Waiting lies in the frame of enter().
  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor)
        : called(executor, Time::max()) {}
    boost::asio::steady_timer called;
    std::optional<std::uint64_t> pass;
  };

  std::uint64_t give_pass();
  void expire();
  void let_in();

  const std::size_t at_once_;
  const std::chrono::milliseconds grace_;
  boost::asio::steady_timer timer_;
  std::deque<Waiting*> line_;
  std::map<std::uint64_t, Time>
      passes_;  // of those who keep their place, and until when; oldest first
  std::uint64_t next_ = 1;
  bool stopped_ = false;
};

}  // namespace gnomon
