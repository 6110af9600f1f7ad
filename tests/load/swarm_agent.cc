#include "tests/load/swarm_agent.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>
#include <variant>

#include "core/clock.h"
#include "core/net/crypto.h"
#include "core/net/deadline.h"
#include "core/wire/frame.h"
#include "core/wire/messages.h"

namespace gnomon {
namespace {

using tcp = asio::ip::tcp;

constexpr std::size_t kFailuresKept = 5;

double ms_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
      .count();
}

}  // namespace

SwarmAgent::SwarmAgent(asio::io_context& io, const SwarmPlan& plan, SwarmTally& tally,
                       ClientTls identity, std::optional<asio::ip::address> source)
    : io_(io),
      plan_(plan),
      tally_(tally),
      context_(TlsContext::client(identity)),
      source_(std::move(source)),
      backoff_(plan.first_backoff, plan.most_backoff, std::random_device{}()),
      epoch_(static_cast<std::uint64_t>(SystemClock{}.wall().time_since_epoch().count())) {}

void SwarmAgent::note(const std::string& what) {
  if (tally_.failures.size() < kFailuresKept) {
    tally_.failures.push_back(what);
  }
}

void SwarmAgent::fail(const std::string& what) {
  ++tally_.failed;
  note(what);
  connection_.reset();
}

asio::awaitable<bool> SwarmAgent::connect() {
  const auto begun = std::chrono::steady_clock::now();
  backoff_.reset();
  for (;;) {
    const bool greeted = co_await attempt();
    if (greeted) {
      tally_.served_ms.push_back(ms_since(begun));
      co_return true;
    }
    if (std::chrono::steady_clock::now() - begun > plan_.patience) {
      fail("not let in");
      co_return false;
    }
    ++tally_.attempts_failed;
    asio::steady_timer pause(io_, backoff_.next());
    static_cast<void>(co_await pause.async_wait(kAwait));
  }
}

asio::awaitable<bool> SwarmAgent::attempt() {
  const auto begun = std::chrono::steady_clock::now();
  tcp::socket socket{io_};
  boost::system::error_code failed;
  socket.open(plan_.collector.protocol(), failed);
  if (!failed && source_) {
    socket.bind(tcp::endpoint(*source_, 0), failed);
  }
  if (!failed) {
    Deadline deadline(socket);
    deadline.arm(plan_.step);
    const auto [refused] = co_await socket.async_connect(plan_.collector, kAwait);
    deadline.disarm();
    failed = refused;
  }
  if (failed) {
    note("connect: " + failed.message());
    co_return false;
  }
  connection_ = std::make_unique<TlsConnection>(std::move(socket), context_);
  const std::string problem = co_await greet();
  if (!problem.empty()) {
    note(problem);
    connection_.reset();
    co_return false;
  }
  tally_.handshake_ms.push_back(ms_since(begun));
  ++tally_.connected;
  tally_.resumed += connection_->resumed() ? 1U : 0U;
  co_return true;
}

// greet shakes hands and says hello; yields what went wrong.
asio::awaitable<std::string> SwarmAgent::greet() {
  const auto shaken = co_await connection_->handshake(plan_.step);
  if (!shaken) {
    co_return "handshake: " + shaken.error().text;
  }
  wire::Hello hello;
  hello.agent_version = "swarm";
  hello.epoch = epoch_;
  hello.first_sequence = 1;
  hello.last_sequence = plan_.batches;
  hello.clock = SystemClock{}.wall();
  hello.takes_zstd = true;
  // The newest there can be, unless pushes are what is measured.
  constexpr std::uint32_t kNewest = std::numeric_limits<std::uint32_t>::max();
  hello.pack_version = plan_.wants_pack ? 0 : kNewest;
  hello.policy_version = kNewest;
  wire::Envelope greeting{hello};
  const auto sent = co_await send(*connection_, std::move(greeting), plan_.step);
  if (!sent) {
    co_return "hello: " + sent.error().text;
  }
  const auto answer = co_await receive(*connection_, wire::kMaxFrameBytes, plan_.step, plan_.step);
  if (!answer) {
    co_return "hello answer: " + answer.error().text;
  }
  if (const auto* error = std::get_if<wire::Error>(&*answer)) {
    co_return "refused: " + error->text;
  }
  const auto* ack = std::get_if<wire::HelloAck>(&*answer);
  if (ack == nullptr) {
    co_return "something else than an answer to the hello";
  }
  next_ = std::max<std::uint64_t>(ack->resume_from, 1);
  window_ = std::min(plan_.window, ack->window);
  co_return std::string{};
}

asio::awaitable<void> SwarmAgent::upload() {
  asio::steady_timer pause(io_);
  if (plan_.pause.count() > 0) {
    std::minstd_rand random(static_cast<unsigned>(epoch_));
    std::uniform_int_distribution<std::int64_t> draw(0, plan_.pause.count());
    pause.expires_after(std::chrono::milliseconds{draw(random)});
    static_cast<void>(co_await pause.async_wait(kAwait));
    window_ = 1;
  }
  while (connection_ && (next_ <= plan_.batches || !under_way_.empty())) {
    const bool room = next_ <= plan_.batches && under_way_.size() < window_;
    bool went = false;
    if (room) {
      went = co_await send_next();
    } else {
      went = co_await read_ack();
    }
    if (!went) {
      co_return;
    }
    if (!room && plan_.pause.count() > 0) {
      pause.expires_after(plan_.pause);
      static_cast<void>(co_await pause.async_wait(kAwait));
    }
  }
}

asio::awaitable<bool> SwarmAgent::send_next() {
  wire::Upload upload;
  upload.epoch = epoch_;
  upload.sequence = next_;
  upload.first_sequence = next_;
  upload.payload = plan_.payload;
  wire::Envelope envelope{std::move(upload)};
  under_way_.push_back(std::chrono::steady_clock::now());
  ++next_;
  const auto sent = co_await send(*connection_, std::move(envelope), plan_.step);
  if (!sent) {
    fail("upload: " + sent.error().text);
  }
  co_return sent.has_value();
}

// await_message reads until a message of the wanted kind comes: what else a collector says, such as
// its policy for domains outside the catalogue, is not what is measured.
template <typename Message>
asio::awaitable<Result<Message, std::string>> SwarmAgent::await_message(
    std::chrono::milliseconds idle) {
  for (;;) {
    auto received = co_await receive(*connection_, wire::kMaxFrameBytes, idle, plan_.step);
    if (!received) {
      co_return Failure{std::move(received.error().text)};
    }
    if (auto* message = std::get_if<Message>(&*received)) {
      co_return std::move(*message);
    }
    if (const auto* error = std::get_if<wire::Error>(&*received)) {
      co_return Failure{"closed: " + error->text};
    }
  }
}

asio::awaitable<bool> SwarmAgent::read_ack() {
  const auto ack = co_await await_message<wire::Ack>(plan_.step);
  if (!ack) {
    fail("ack: " + ack.error());
    co_return false;
  }
  tally_.ack_ms.push_back(ms_since(under_way_.front()));
  under_way_.pop_front();
  const bool good =
      ack->outcome == wire::Outcome::stored || ack->outcome == wire::Outcome::repeated;
  tally_.acked_batches += good ? 1U : 0U;
  tally_.refused_batches += good ? 0U : 1U;
  co_return true;
}

asio::awaitable<void> SwarmAgent::beat() {
  wire::Heartbeat heartbeat;
  heartbeat.clock = SystemClock{}.wall();
  heartbeat.health = Health{};
  wire::Envelope envelope{std::move(heartbeat)};
  const auto sent = co_await send(*connection_, std::move(envelope), plan_.step);
  if (!sent) {
    fail("heartbeat: " + sent.error().text);
    co_return;
  }
  const auto answer = co_await await_message<wire::Heartbeat>(plan_.step);
  if (!answer) {
    fail("heartbeat answer: " + answer.error());
    co_return;
  }
  ++tally_.heartbeats;
}

asio::awaitable<void> SwarmAgent::take_pack() {
  std::uint64_t have = 0;
  while (connection_) {
    const auto push = co_await await_message<wire::Push>(plan_.patience);
    if (!push) {
      fail("push: " + push.error());
      co_return;
    }
    if (push->offset != have) {
      fail("push: a piece did not come in order");
      co_return;
    }
    have += push->piece.size();
    tally_.push_bytes += push->piece.size();
    if (have < push->total_bytes) {
      continue;
    }
    wire::Envelope reply{wire::PushReply{push->kind, push->version, true, ""}};
    const auto sent = co_await send(*connection_, std::move(reply), plan_.step);
    if (!sent) {
      fail("push reply: " + sent.error().text);
      co_return;
    }
    ++tally_.pushed;
    co_return;
  }
}

asio::awaitable<void> SwarmAgent::wait_until_cut() {
  asio::steady_timer look(io_);
  const auto until = std::chrono::steady_clock::now() + plan_.patience;
  while (!connection_->peer_gone() && std::chrono::steady_clock::now() < until) {
    look.expires_after(std::chrono::milliseconds{200});
    static_cast<void>(co_await look.async_wait(kAwait));
  }
  drop();
}

void SwarmAgent::drop() {
  if (connection_) {
    connection_->close();
    connection_.reset();
  }
  under_way_.clear();
}

}  // namespace gnomon
