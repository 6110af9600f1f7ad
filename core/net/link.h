// Messages over a TLS connection: framed envelopes in and out.

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>

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

// Outbox lets several parties write to one connection: post() queues, run() writes. The connection
// must outlive it. One thread.
class Outbox {
 public:
  // `limit` bounds the bytes that wait: a peer that does not read must not fill our memory.
  Outbox(TlsConnection& connection, const asio::any_io_executor& executor, std::size_t limit);

  // post queues an envelope; false when the limit is passed or close() was called.
  bool post(const wire::Envelope& envelope);

  // close lets run() end once everything queued is written.
  void close();

  // run writes until close(), or until the connection fails.
  asio::awaitable<Result<Ok, NetError>> run(std::chrono::milliseconds within);

  std::size_t waiting_bytes() const { return waiting_bytes_; }

 private:
  TlsConnection& connection_;
  asio::steady_timer changed_;
  std::size_t limit_;
  std::deque<std::string> frames_;
  std::size_t waiting_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace gnomon
