#include "core/net/tls_connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/net/pinned_root.h"
#include "core/net/socket_options.h"
#include "core/net/tls_fault.h"

namespace gnomon {
namespace {

using asio::ip::tcp;

// How many bytes of a peer that does not listen are read away before it is cut off.
constexpr std::size_t kMaxDrain = std::size_t{64} << 10;

int capped(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

}  // namespace

TlsConnection::TlsConnection(tcp::socket socket, TlsContext& context)
    : socket_(std::move(socket)),
      context_(context),
      ssl_(SSL_new(context.handle()), &SSL_free),
      reading_(socket_),
      writing_(socket_) {
  GNOMON_CHECK(ssl_ != nullptr);
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  bound_unsent(socket_);
  GNOMON_CHECK(SSL_set_fd(ssl_.get(), socket_.native_handle()) == 1);
  if (context.is_server()) {
    SSL_set_accept_state(ssl_.get());
    forbid_new_handshakes();
  } else {
    SSL_set_connect_state(ssl_.get());
    GNOMON_CHECK(SSL_set1_host(ssl_.get(), kCollectorName) == 1);
    if (SSL_SESSION* session = context.session()) {
      SSL_set_session(ssl_.get(), session);
    }
  }
}

Result<Certificate, NetError> TlsConnection::verify_pinned(std::string_view root_key_sha256) const {
  return gnomon::verify_pinned(ssl_.get(), root_key_sha256);
}

TlsConnection::~TlsConnection() {
  // SSL_free declares the session dead unless it believes in an orderly end.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

// forbid_new_handshakes ends the connection at the first message of a handshake that comes after
// the handshake. TLS 1.3 has no renegotiation; what is left of it is the KeyUpdate, which costs us
// a key derivation and an answer each and which no agent of ours ever sends.
void TlsConnection::forbid_new_handshakes() {
  SSL_set_msg_callback_arg(ssl_.get(), this);
  SSL_set_msg_callback(ssl_.get(), [](int written, int /*version*/, int type, const void* /*data*/,
                                      std::size_t /*size*/, SSL* /*ssl*/, void* connection) {
    auto& self = *static_cast<TlsConnection*>(connection);
    if (written == 0 && type == SSL3_RT_HANDSHAKE && self.established_) {
      self.disturbed_ = true;
    }
  });
}

// drive repeats one step of OpenSSL until it succeeds, waiting for the socket in between. The
// error queue belongs to the thread, so it is emptied before each step and read right after it.
asio::awaitable<Result<Ok, NetError>> TlsConnection::drive(std::function<int()> step,
                                                           Deadline& deadline) {
  for (;;) {
    if (deadline.expired()) {
      co_return Failure{NetError{NetFault::timed_out, "the peer took too long"}};
    }
    if (!socket_.is_open()) {
      co_return Failure{NetError{NetFault::closed, "the connection was closed"}};
    }
    ERR_clear_error();
    const int done = step();
    if (disturbed_) {
      ERR_clear_error();
      co_return Failure{
          NetError{NetFault::renegotiation, "the peer wanted to shake hands again in the middle"}};
    }
    if (done > 0) {
      co_return Ok{};
    }
    auto wait_for = tcp::socket::wait_read;
    switch (SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        break;
      case SSL_ERROR_WANT_WRITE:
        wait_for = tcp::socket::wait_write;
        break;
      case SSL_ERROR_SSL: {
        const NetError error = tls_fault(ssl_.get(), established_);
        ERR_clear_error();
        co_return Failure{error};
      }
      default:
        co_return Failure{NetError{NetFault::closed, "the peer closed the connection"}};
    }
    const auto [failed] = co_await socket_.async_wait(wait_for, kAwait);
    if (failed && !deadline.expired()) {
      co_return Failure{NetError{NetFault::closed, "the connection was closed"}};
    }
  }
}

asio::awaitable<Result<Ok, NetError>> TlsConnection::handshake(std::chrono::milliseconds within) {
  reading_.arm(within);
  SSL* ssl = ssl_.get();
  std::function<int()> step = [ssl] { return SSL_do_handshake(ssl); };
  auto done = co_await drive(std::move(step), reading_);
  reading_.disarm();
  if (done) {
    established_ = true;
  } else {
    context_.forget_session();
  }
  co_return done;
}

asio::awaitable<Result<Ok, NetError>> TlsConnection::read_exact(std::span<std::uint8_t> into,
                                                                std::chrono::milliseconds within) {
  reading_.arm(within);
  Result<Ok, NetError> done = Ok{};
  SSL* ssl = ssl_.get();
  while (!into.empty()) {
    int got = 0;
    std::function<int()> step = [ssl, into, &got] {
      got = SSL_read(ssl, into.data(), capped(into.size()));
      return got;
    };
    done = co_await drive(std::move(step), reading_);
    if (!done) {
      break;
    }
    into = into.subspan(static_cast<std::size_t>(got));
  }
  reading_.disarm();
  co_return done;
}

asio::awaitable<Result<Ok, NetError>> TlsConnection::write(std::string_view bytes,
                                                           std::chrono::milliseconds within) {
  writing_.arm(within);
  Result<Ok, NetError> done = Ok{};
  SSL* ssl = ssl_.get();
  while (!bytes.empty()) {
    int taken = 0;
    std::function<int()> step = [ssl, bytes, &taken] {
      taken = SSL_write(ssl, bytes.data(), capped(bytes.size()));
      return taken;
    };
    done = co_await drive(std::move(step), writing_);
    if (!done) {
      break;
    }
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  writing_.disarm();
  co_return done;
}

asio::awaitable<void> TlsConnection::finish(std::chrono::milliseconds within) {
  if (!socket_.is_open()) {
    co_return;
  }
  // The writer's deadline: a reader may still be waiting on its own.
  writing_.arm(within);
  if (established_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  boost::system::error_code failed;
  socket_.shutdown(tcp::socket::shutdown_send, failed);
  std::array<char, 4096> rubbish{};
  std::size_t drained = 0;
  while (!failed && !writing_.expired() && drained < kMaxDrain) {
    const auto [error, size] = co_await socket_.async_read_some(asio::buffer(rubbish), kAwait);
    failed = error;
    drained += size;
  }
  writing_.disarm();
  close();
}

void TlsConnection::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void TlsConnection::abort() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

bool TlsConnection::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

std::optional<Certificate> TlsConnection::peer_certificate() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) {
    return std::nullopt;
  }
  return Certificate::borrowed(certificate);
}

}  // namespace gnomon
