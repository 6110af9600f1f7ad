#include "collector/ingest/push_pacer.h"

#include <algorithm>

namespace gnomon {

using std::chrono::steady_clock;

PushPacer::PushPacer(const boost::asio::any_io_executor& executor, const PushPace& pace,
                     Counters& counters)
    : pace_(pace),
      timer_(executor),
      waiting_gauge_(counters.gauge("ingest_pushes_waiting", "Agents that wait for a push.")),
      running_gauge_(counters.gauge("ingest_pushes_running", "Agents whose turn it is.")),
      random_(std::random_device{}()) {}

PushPacer::Ticket PushPacer::wait(std::size_t bytes, std::function<void()> turn) {
  const Ticket ticket = next_ticket_++;
  const auto crowd = static_cast<std::int64_t>(waiting_.size());
  std::uniform_int_distribution<std::int64_t> draw(0, pace_.spread.count() * crowd);
  const Time due = steady_clock::now() + std::chrono::microseconds{draw(random_)};
  waiting_.emplace(due, Waiting{ticket, bytes, std::move(turn)});
  due_.emplace(ticket, due);
  arm();
  return ticket;
}

void PushPacer::leave(Ticket ticket) {
  if (running_.erase(ticket) != 0) {
    arm();
    return;
  }
  const auto found = due_.find(ticket);
  if (found == due_.end()) {
    return;
  }
  auto [entry, end] = waiting_.equal_range(found->second);
  while (entry != end && entry->second.ticket != ticket) {
    ++entry;
  }
  if (entry != end) {
    waiting_.erase(entry);
  }
  due_.erase(found);
  arm();
}

void PushPacer::stop() {
  waiting_.clear();
  due_.clear();
  timer_.cancel();
}

// arm sets the timer to the next turn. While all turns are taken leave() arms it.
void PushPacer::arm() {
  waiting_gauge_.set(static_cast<std::int64_t>(waiting_.size()));
  running_gauge_.set(static_cast<std::int64_t>(running_.size()));
  if (waiting_.empty() || running_.size() >= pace_.at_once) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(std::max(waiting_.begin()->first, line_free_));
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) {
      grant();
    }
  });
}

void PushPacer::grant() {
  const Time now = steady_clock::now();
  if (!waiting_.empty() && running_.size() < pace_.at_once && waiting_.begin()->first <= now &&
      line_free_ <= now) {
    Waiting next = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    due_.erase(next.ticket);
    running_.insert(next.ticket);
    const std::chrono::duration<double> takes{static_cast<double>(next.bytes) /
                                              static_cast<double>(pace_.bytes_per_second)};
    // What was not used in quiet times is not saved up.
    line_free_ = std::max(line_free_, now - std::chrono::milliseconds{10}) +
                 std::chrono::duration_cast<steady_clock::duration>(takes);
    next.turn();
  }
  arm();
}

}  // namespace gnomon
