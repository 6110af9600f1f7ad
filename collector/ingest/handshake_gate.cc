#include "collector/ingest/handshake_gate.h"

namespace gnomon {

using std::chrono::steady_clock;

HandshakeGate::HandshakeGate(const boost::asio::any_io_executor& executor, std::size_t at_once,
                             std::chrono::milliseconds grace)
    : at_once_(at_once), grace_(grace), timer_(executor) {}

asio::awaitable<std::optional<HandshakeGate::Pass>> HandshakeGate::enter() {
  if (stopped_) {
    co_return std::nullopt;
  }
  expire();
  if (line_.empty() && passes_.size() < at_once_) {
    co_return Pass{give_pass(), false};
  }
  Waiting waiting(timer_.get_executor());
  line_.push_back(&waiting);
  if (line_.size() == 1) {
    let_in();  // sets the timer
  }
  while (!waiting.pass && !stopped_) {
    static_cast<void>(co_await waiting.called.async_wait(kAwait));
  }
  if (!waiting.pass) {
    co_return std::nullopt;
  }
  co_return Pass{*waiting.pass, true};
}

void HandshakeGate::leave(const Pass& pass) {
  passes_.erase(pass.number);
  let_in();
}

void HandshakeGate::stop() {
  stopped_ = true;
  timer_.cancel();
  for (Waiting* waiting : line_) {
    waiting->called.cancel();
  }
  line_.clear();
}

std::uint64_t HandshakeGate::give_pass() {
  const std::uint64_t pass = next_++;
  passes_.emplace(pass, steady_clock::now() + grace_);
  return pass;
}

void HandshakeGate::expire() {
  const Time now = steady_clock::now();
  while (!passes_.empty() && passes_.begin()->second <= now) {
    passes_.erase(passes_.begin());
  }
}

void HandshakeGate::let_in() {
  expire();
  while (!line_.empty() && passes_.size() < at_once_) {
    Waiting* const next = line_.front();
    line_.pop_front();
    next->pass = give_pass();
    next->called.cancel();
  }
  if (line_.empty() || passes_.empty()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(passes_.begin()->second);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) {
      let_in();
    }
  });
}

}  // namespace gnomon
