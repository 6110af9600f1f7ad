// PushPacer: whose turn it is to be pushed something.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/counters.h"

namespace gnomon {

// PushPace bounds what pushes take from the collector and its line, all agents together.
struct PushPace {
  std::size_t at_once = 32;
  std::uint64_t bytes_per_second = std::uint64_t{64} << 20;  // half of a line of 1 Gbit/s

  // With n agents that wait a turn comes no sooner than a time drawn from 0 to n times this, so
  // that a site whose agents connected one after the other is not pushed to all at once, and a
  // fleet that reconnects is greeted first.
  std::chrono::microseconds spread{500};
};

// PushPacer gives out turns. Whoever waits costs a map entry, no coroutine and no timer. One
// thread: that of the executor.
class PushPacer {
 public:
  using Ticket = std::uint64_t;

  PushPacer(const boost::asio::any_io_executor& executor, const PushPace& pace, Counters& counters);

  // wait queues; `turn` is called once, from the executor, and must not throw. `bytes` is what the
  // turn will write, as far as is known.
  Ticket wait(std::size_t bytes, std::function<void()> turn);

  // leave gives up a place in the queue or ends a turn. Leaving twice does nothing.
  void leave(Ticket ticket);

  // stop forgets all who wait.
  void stop();

  std::size_t running() const { return running_.size(); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Waiting {
    Ticket ticket = 0;
    std::size_t bytes = 0;
    std::function<void()> turn;
  };

  void arm();
  void grant();

  const PushPace pace_;
  boost::asio::steady_timer timer_;
  Gauge& waiting_gauge_;
  Gauge& running_gauge_;
  std::minstd_rand random_;
  Ticket next_ticket_ = 1;
  Time line_free_;  // when the bytes of the turns given so far are through, at the pace
  std::multimap<Time, Waiting> waiting_;
  std::map<Ticket, Time> due_;  // of those who wait
  std::set<Ticket> running_;
};

}  // namespace gnomon
