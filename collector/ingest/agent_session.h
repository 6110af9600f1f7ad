// AgentSession: the conversation with one agent.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "collector/ingest/push_sender.h"
#include "collector/ingest/session_world.h"
#include "collector/ingest/upload_window.h"
#include "core/net/await.h"
#include "core/net/link.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_context.h"

namespace gnomon {

// AgentSession is shared between its coroutine and the sink's callbacks, which may come when the
// connection is long gone. I/O thread only.
class AgentSession : public std::enable_shared_from_this<AgentSession> {
 public:
  AgentSession(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls, SessionWorld& world);

  // shake_hands secures the connection; false when that failed, and is counted.
  asio::awaitable<bool> shake_hands();

  // run is the conversation after it.
  asio::awaitable<void> run();

  // bar tells an agent that the registry keeps out, and closes.
  void bar();

  // end says why and closes.
  void end(wire::ErrorCode code, const char* text);

  // offer pushes what the agent does not have yet.
  void offer();

  // ask_unknowns tells the policy for unknown domains when it is another than the last one told,
  // and asks what there is to ask.
  void ask_unknowns();

  const LiveAgent& about() const { return about_; }

 private:
  asio::awaitable<bool> identify();
  asio::awaitable<std::optional<wire::Hello>> hear_hello();
  asio::awaitable<bool> greet();
  asio::awaitable<void> let_in();
  asio::awaitable<void> read_all();
  asio::awaitable<void> write_all();
  asio::awaitable<bool> take(wire::Envelope message);
  void take_fault(const NetError& error);
  asio::awaitable<bool> renew(wire::RenewRequest request);
  bool take_heartbeat(const wire::Heartbeat& heartbeat);
  asio::awaitable<void> refuse_with(wire::Error error);
  void stop();

  std::shared_ptr<TlsContext> tls_;  // shared with the server, which may renew it meanwhile
  SessionWorld& world_;
  TlsConnection connection_;
  LiveAgent about_;
  Outbox outbox_;
  UploadWindow uploads_;
  PushSender pushes_;
  WallTime certificate_expires_;
  std::optional<wire::UnknownsPolicy> told_policy_;
  bool asleep_ = false;  // its certificate has expired, not too long ago
  bool greeted_ = false;
  bool ending_ = false;
  bool farewell_ = false;  // why it ends was told or counted
};

}  // namespace gnomon
