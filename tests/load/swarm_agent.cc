#include "tests/load/swarm_agent.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>
#include <variant>

#include "core/clock.h"
#include "core/wire/frame.h"
#include "core/wire/messages.h"

namespace gnomon {
namespace {

constexpr std::size_t kFailuresKept = 5;

double ms_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
      .count();
}

}  // namespace

SwarmAgent::SwarmAgent(asio::io_context& io, const SwarmPlan& plan, SwarmTally& tally,
                       ClientTls identity)
    : io_(io),
      plan_(plan),
      tally_(tally),
      context_(TlsContext::client(identity)),
      epoch_(static_cast<std::uint64_t>(SystemClock{}.wall().time_since_epoch().count())) {}

void SwarmAgent::fail(const std::string& what) {
  ++tally_.failed;
  if (tally_.failures.size() < kFailuresKept) {
    tally_.failures.push_back(what);
  }
  connection_.reset();
}

asio::awaitable<bool> SwarmAgent::connect() {
  const auto begun = std::chrono::steady_clock::now();
  asio::ip::tcp::socket socket{io_};
  const auto [refused] = co_await socket.async_connect(plan_.collector, kAwait);
  if (refused) {
    fail("connect: " + refused.message());
    co_return false;
  }
  connection_ = std::make_unique<TlsConnection>(std::move(socket), context_);
  const auto shaken = co_await connection_->handshake(plan_.step);
  if (!shaken) {
    fail("handshake: " + shaken.error().text);
    co_return false;
  }
  wire::Hello hello;
  hello.agent_version = "swarm";
  hello.epoch = epoch_;
  hello.first_sequence = 1;
  hello.last_sequence = plan_.batches;
  hello.clock = SystemClock{}.wall();
  // The newest pack there can be: a push of the catalogue to every agent is not what is measured.
  hello.pack_version = std::numeric_limits<std::uint32_t>::max();
  hello.policy_version = std::numeric_limits<std::uint32_t>::max();
  wire::Envelope greeting{hello};
  const auto sent = co_await send(*connection_, std::move(greeting), plan_.step);
  if (!sent) {
    fail("hello: " + sent.error().text);
    co_return false;
  }
  const auto answer = co_await receive(*connection_, wire::kMaxFrameBytes, plan_.step, plan_.step);
  if (!answer) {
    fail("hello answer: " + answer.error().text);
    co_return false;
  }
  if (const auto* error = std::get_if<wire::Error>(&*answer)) {
    fail("refused: " + error->text);
    co_return false;
  }
  const auto* ack = std::get_if<wire::HelloAck>(&*answer);
  if (ack == nullptr) {
    fail("something else than an answer to the hello");
    co_return false;
  }
  next_ = std::max<std::uint64_t>(ack->resume_from, 1);
  window_ = std::min(plan_.window, ack->window);
  tally_.handshake_ms.push_back(ms_since(begun));
  ++tally_.connected;
  tally_.resumed += connection_->resumed() ? 1U : 0U;
  co_return true;
}

asio::awaitable<void> SwarmAgent::upload() {
  std::deque<std::chrono::steady_clock::time_point> under_way;
  while (connection_ && (next_ <= plan_.batches || !under_way.empty())) {
    if (next_ <= plan_.batches && under_way.size() < window_) {
      wire::Upload upload;
      upload.epoch = epoch_;
      upload.sequence = next_;
      upload.first_sequence = next_;
      upload.payload = plan_.payload;
      wire::Envelope envelope{std::move(upload)};
      under_way.push_back(std::chrono::steady_clock::now());
      ++next_;
      const auto sent = co_await send(*connection_, std::move(envelope), plan_.step);
      if (!sent) {
        fail("upload: " + sent.error().text);
        co_return;
      }
      continue;
    }
    const auto answer =
        co_await receive(*connection_, wire::kMaxFrameBytes, plan_.step, plan_.step);
    if (!answer) {
      fail("ack: " + answer.error().text);
      co_return;
    }
    if (const auto* error = std::get_if<wire::Error>(&*answer)) {
      fail("closed: " + error->text);
      co_return;
    }
    if (const auto* ack = std::get_if<wire::Ack>(&*answer)) {
      tally_.ack_ms.push_back(ms_since(under_way.front()));
      under_way.pop_front();
      const bool good =
          ack->outcome == wire::Outcome::stored || ack->outcome == wire::Outcome::repeated;
      tally_.acked_batches += good ? 1U : 0U;
      tally_.refused_batches += good ? 0U : 1U;
    }
  }
}

void SwarmAgent::drop() {
  if (connection_) {
    connection_->close();
    connection_.reset();
  }
}

}  // namespace gnomon
