// AgentSession: the conversation with one agent.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include "collector/enrol/registry.h"
#include "collector/ingest/ingest_server.h"
#include "core/net/await.h"
#include "core/net/link.h"
#include "core/net/rate_limit.h"
#include "core/net/tls_connection.h"

namespace gnomon {

// SessionWorld is what all sessions share; all of it outlives them.
struct SessionWorld {
  boost::asio::thread_pool& pool;
  Registry& registry;
  UploadSink& sink;
  const Clock& clock;
  Counters& counters;
  const IngestOptions& options;
  RateLimit& upload_rate;

  // The newest to push; null when there is none.
  std::shared_ptr<const PushContent> pack;
  std::shared_ptr<const PushContent> policy;

  // admit is asked once the agent is known: it makes the session the agent's only one.
  std::function<void(class AgentSession&)> admit;

  // changed is called whenever about() would say something new.
  std::function<void(const class AgentSession&)> changed;

  void refuse(std::string_view reason) const;
};

// AgentSession is shared between its coroutine and the sink's callbacks, which may come when the
// connection is long gone. I/O thread only.
class AgentSession : public std::enable_shared_from_this<AgentSession> {
 public:
  AgentSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls,
               SessionWorld& world);

  // run is the whole conversation.
  asio::awaitable<void> run();

  // end says why and closes.
  void end(wire::ErrorCode code, const char* text);

  // cut closes without a word.
  void cut() { connection_.close(); }

  // offer pushes what the agent does not have yet.
  void offer();

  const LiveAgent& about() const { return about_; }

 private:
  asio::awaitable<bool> identify();
  asio::awaitable<bool> greet();
  asio::awaitable<void> read_all();
  asio::awaitable<void> write_all();
  asio::awaitable<bool> take_upload(wire::Upload upload);
  asio::awaitable<bool> renew(wire::RenewRequest request);
  bool take_heartbeat(const wire::Heartbeat& heartbeat);
  void take_push_reply(const wire::PushReply& reply);
  void committed(const wire::Upload& upload, std::size_t bytes, CommitOutcome outcome);
  void push(wire::PushKind kind, const std::shared_ptr<const PushContent>& content,
            std::uint32_t& pushed);
  asio::awaitable<void> wait_for_room();

  std::shared_ptr<TlsContext> tls_;  // shared with the server, which may renew it meanwhile
  SessionWorld& world_;
  asio::any_io_executor home_;
  TlsConnection connection_;
  Outbox outbox_;
  asio::steady_timer room_;
  LiveAgent about_;
  WallTime certificate_expires_;
  std::uint64_t stored_epoch_ = 0;
  std::uint32_t under_way_ = 0;
  std::size_t bytes_under_way_ = 0;
  std::uint32_t pushed_pack_ = 0;
  std::uint32_t pushed_policy_ = 0;
  bool greeted_ = false;
  bool ending_ = false;
};

}  // namespace gnomon
