// TlsConnection: TLS over a socket, in coroutines, with a deadline on every step.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "core/net/await.h"
#include "core/net/certificate.h"
#include "core/net/deadline.h"
#include "core/net/net_error.h"
#include "core/net/socket_options.h"
#include "core/net/tls_context.h"
#include "core/result.h"

struct ssl_st;

namespace gnomon {

// TlsConnection speaks TLS 1.3 with OpenSSL directly on the socket's descriptor and lets Asio wait
// for it: a third of the memory of asio::ssl::stream, which holds two record buffers of its own.
//
// One coroutine may read while another writes. A deadline that passes, like any other fault, ends
// the connection for both. Tickets stay good however the connection ends. The context must outlive
// the connection. One thread.
class TlsConnection {
 public:
  TlsConnection(asio::ip::tcp::socket socket, TlsContext& context);
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;
  ~TlsConnection();

  // handshake accepts (server) or connects (client).
  asio::awaitable<Result<Ok, NetError>> handshake(std::chrono::milliseconds within);

  // verify_pinned is for a client without a root: it looks for a root with this key hash in the
  // chain that the server showed, and holds the chain to it. Yields that root. After the handshake
  // and before anything is sent.
  Result<Certificate, NetError> verify_pinned(std::string_view root_key_sha256) const;

  // read_exact fills `into` or fails.
  asio::awaitable<Result<Ok, NetError>> read_exact(std::span<std::uint8_t> into,
                                                   std::chrono::milliseconds within);

  // write returns when the system has taken all bytes. They must live until then.
  asio::awaitable<Result<Ok, NetError>> write(std::string_view bytes,
                                              std::chrono::milliseconds within);

  // finish says good-bye and waits until the peer has closed: closing at once, with bytes of the
  // peer unread, would make the system throw away our last words.
  asio::awaitable<void> finish(std::chrono::milliseconds within);

  // close ends every wait on the connection.
  void close();

  // abort closes without sending what the system still holds: for a peer that does not read, whose
  // bytes would otherwise stay in the system's memory for minutes.
  void abort();

  asio::any_io_executor executor() { return socket_.get_executor(); }
  // peer_gone says whether the peer has closed, without reading.
  bool peer_gone() { return peer_has_closed(socket_); }

  bool resumed() const;
  std::optional<Certificate> peer_certificate() const;

 private:
  asio::awaitable<Result<Ok, NetError>> drive(std::function<int()> step, Deadline& deadline);
  void forbid_new_handshakes();

  asio::ip::tcp::socket socket_;
  TlsContext& context_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  Deadline reading_;
  Deadline writing_;
  bool established_ = false;
  bool disturbed_ = false;  // the client wanted another handshake
};

}  // namespace gnomon
