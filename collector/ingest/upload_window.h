// UploadWindow: the batches of one agent that are under way to the sink.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "collector/ingest/session_world.h"
#include "core/net/await.h"
#include "core/net/link.h"
#include "core/wire/messages.h"

namespace gnomon {

// UploadWindow hands uploads to the sink and acknowledges them through the outbox, in order.
// Whoever awaits take() reads no more while the window is full or the agent is faster than it may
// be: the agent's own writes wait then.
//
// The sink may answer when the connection is long gone: `keep`, given with each upload, must keep
// the window, the outbox and `about` alive. I/O thread.
class UploadWindow {
 public:
  UploadWindow(SessionWorld& world, Outbox& outbox, const LiveAgent& about,
               const asio::any_io_executor& executor);

  // take returns when the next message may be read.
  asio::awaitable<void> take(std::shared_ptr<const void> keep, wire::Upload upload);

  // slow_down waits while the agent sends other messages too fast.
  asio::awaitable<void> slow_down();

  // on_slow_reader is called when acknowledgements pile up that the agent does not read.
  void on_slow_reader(std::function<void()> listener) { on_slow_reader_ = std::move(listener); }

  // stop ends every wait.
  void stop();

 private:
  // Sent is what is kept of an upload until it is answered.
  struct Sent {
    std::uint64_t epoch = 0;
    std::uint64_t sequence = 0;
    std::size_t bytes = 0;
  };

  void committed(const Sent& sent, CommitOutcome outcome);
  asio::awaitable<void> wait_for_room();
  asio::awaitable<void> pause(std::chrono::milliseconds time);

  SessionWorld& world_;
  Outbox& outbox_;
  const LiveAgent& about_;
  asio::any_io_executor home_;
  asio::steady_timer room_;
  std::function<void()> on_slow_reader_;
  std::uint32_t under_way_ = 0;
  std::size_t bytes_under_way_ = 0;
  bool stopped_ = false;
};

}  // namespace gnomon
