// Messages over a TLS connection: framed envelopes in and out.

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "core/net/await.h"
#include "core/net/net_error.h"
#include "core/net/tls_connection.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace gnomon {

// receive reads one envelope. `idle` bounds the wait for its first byte, `within` the rest of it.
// A frame above `limit` is refused before anything is allocated for it.
asio::awaitable<Result<wire::Envelope, NetError>> receive(TlsConnection& connection,
                                                          std::size_t limit,
                                                          std::chrono::milliseconds idle,
                                                          std::chrono::milliseconds within);

// send writes one envelope. Not while an Outbox of the same connection runs.
asio::awaitable<Result<Ok, NetError>> send(TlsConnection& connection, wire::Envelope envelope,
                                           std::chrono::milliseconds within);

// SharedFrame is a frame that many connections write from the same memory.
using SharedFrame = std::shared_ptr<const std::string>;

// Outbox lets several parties write to one connection: post() queues, run() writes. What is large
// and waits for its turn is not queued but pulled, one frame at a time, when nothing else waits: a
// peer that reads slowly then costs one frame that is shared, and acknowledgements go first.
//
// The connection must outlive it. One thread.
class Outbox {
 public:
  // `limit` bounds the bytes that wait: a peer that does not read must not fill our memory.
  Outbox(TlsConnection& connection, const asio::any_io_executor& executor, std::size_t limit);

  // post queues an envelope; false when the limit is passed or close() was called.
  bool post(const wire::Envelope& envelope);

  // pull_from sets whom run() asks for the next frame; null is "none now". Before run().
  void pull_from(std::function<SharedFrame()> source) { source_ = std::move(source); }

  // nudge says that the source has something.
  void nudge() { changed_.cancel(); }

  // close lets run() end once everything queued is written. The source is not asked any more.
  void close();

  // run writes until close(), or until the connection fails. `within` bounds each write.
  asio::awaitable<Result<Ok, NetError>> run(std::chrono::milliseconds within);

  std::size_t waiting_bytes() const { return waiting_bytes_; }

 private:
  std::string take_run();

  TlsConnection& connection_;
  asio::steady_timer changed_;
  std::size_t limit_;
  std::function<SharedFrame()> source_;
  std::deque<std::string> frames_;
  std::size_t waiting_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace gnomon
