// PushSender: what one agent is pushed, piece by piece.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "collector/ingest/push_pacer.h"
#include "collector/ingest/session_world.h"
#include "core/net/link.h"
#include "core/wire/messages.h"

namespace gnomon {

// PushSender compares what the agent has with what is offered, waits for a turn, and lets the
// outbox pull one piece after the other. Beside the pieces, which are shared, it holds nothing.
//
// An agent that takes the pieces slowly gives its turn to others and goes on without one; one that
// has not answered for a whole push when the deadline is over is cut. What an agent has refused it
// is offered again by its next connections, three times at once and then every hour.
//
// The world, the outbox and `about` must outlive it. I/O thread.
class PushSender {
 public:
  PushSender(SessionWorld& world, Outbox& outbox, LiveAgent& about,
             const boost::asio::any_io_executor& executor);
  PushSender(const PushSender&) = delete;
  PushSender& operator=(const PushSender&) = delete;
  ~PushSender() { stop(); }

  // begin takes what the hello says. `cut` ends the connection.
  void begin(const wire::Hello& hello, std::function<void()> cut);

  // offer looks for something newer than what the agent has.
  void offer();

  // replied takes the agent's word on a push.
  void replied(const wire::PushReply& reply);

  // stop ends it for good.
  void stop();

 private:
  bool wants(wire::PushKind kind) const;
  std::optional<wire::PushKind> next_kind() const;
  std::string refusal_key(wire::PushKind kind, std::uint32_t version) const;
  void start();
  SharedFrame pull();
  void watch();
  void give_turn_back();

  SessionWorld& world_;
  Outbox& outbox_;
  LiveAgent& about_;
  boost::asio::steady_timer watch_;
  std::function<void()> cut_;
  std::optional<wire::PushPart> part_;
  bool begun_ = false;
  bool takes_zstd_ = false;
  std::array<std::uint32_t, 4> refused_{};   // the version refused on this connection, by kind
  std::optional<PushPacer::Ticket> ticket_;  // waiting for a turn, or having one

  // The push under way; null when there is none.
  std::shared_ptr<const PushImage> image_;
  wire::PushKind kind_ = wire::PushKind::unspecified;
  std::uint32_t version_ = 0;
  std::size_t next_ = 0;  // the piece to hand out
  std::size_t seen_ = 0;  // next_ when watch() looked last
  std::chrono::steady_clock::time_point until_;
};

}  // namespace gnomon
