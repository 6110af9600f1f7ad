#include "core/net/tls_connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "core/check.h"

namespace gnomon {
namespace {

using tcp = asio::ip::tcp;

// How many bytes of a peer that does not listen are read away before it is cut off.
constexpr std::size_t kMaxDrain = std::size_t{64} << 10;

const char* alert_text(int alert) {
  switch (alert) {
    case SSL_AD_UNKNOWN_CA:
      return "the peer does not know the authority that issued our certificate";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "the peer says that our certificate has expired";
    case SSL_AD_CERTIFICATE_REVOKED:
      return "the peer says that our certificate was revoked";
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "the peer requires a certificate and we showed none";
    case SSL_AD_PROTOCOL_VERSION:
      return "the peer does not speak our version of TLS";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return "the peer does not accept our certificate";
    default:
      return "the peer refused the handshake";
  }
}

NetError verify_error(long result) {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {NetFault::expired_certificate,
              std::string{"the peer's certificate is out of date: "} +
                  X509_verify_cert_error_string(result)};
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return {NetFault::foreign_certificate, "the peer's certificate is not a collector's"};
    default:
      return {NetFault::foreign_certificate,
              std::string{"the peer's certificate is not trusted: "} +
                  X509_verify_cert_error_string(result)};
  }
}

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
  GNOMON_CHECK(SSL_set_fd(ssl_.get(), socket_.native_handle()) == 1);
  if (context.is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    GNOMON_CHECK(SSL_set1_host(ssl_.get(), kCollectorName) == 1);
    if (SSL_SESSION* session = context.session()) {
      SSL_set_session(ssl_.get(), session);
    }
  }
}

TlsConnection::~TlsConnection() {
  // SSL_free declares the session dead unless it believes in an orderly end.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

NetError TlsConnection::tls_error() const {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  switch (reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return {NetFault::closed, "the peer closed the connection"};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {NetFault::no_certificate, "the peer showed no certificate"};
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return verify_error(SSL_get_verify_result(ssl_.get()));
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
      return {NetFault::protocol_version, "the peer does not speak TLS 1.3"};
    default:
      break;
  }
  if (reason > SSL_AD_REASON_OFFSET) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    const bool version = alert == SSL_AD_PROTOCOL_VERSION;
    return {version ? NetFault::protocol_version : NetFault::peer_refused, alert_text(alert)};
  }
  if (!established_) {
    return {NetFault::not_tls, "the peer does not speak TLS"};
  }
  return {NetFault::tls, "the connection was disturbed"};
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
        const NetError error = tls_error();
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

Result<Certificate, NetError> TlsConnection::verify_pinned(std::string_view root_key_sha256) const {
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_.get());
  X509* leaf = SSL_get0_peer_certificate(ssl_.get());
  if (chain == nullptr || leaf == nullptr) {
    return Failure{NetError{NetFault::no_certificate, "the peer showed no certificate"}};
  }
  std::optional<Certificate> root;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const Certificate candidate = Certificate::borrowed(sk_X509_value(chain, i));
    if (candidate.key_sha256() == root_key_sha256 && candidate.is_signed_by(candidate)) {
      root = candidate;
    }
  }
  if (!root) {
    return Failure{NetError{NetFault::foreign_certificate,
                            "this is not the collector that the join token was made for"}};
  }
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                      &X509_STORE_free);
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> check(X509_STORE_CTX_new(),
                                                                              &X509_STORE_CTX_free);
  GNOMON_CHECK(store && check && X509_STORE_add_cert(store.get(), root->handle()) == 1);
  GNOMON_CHECK(X509_STORE_CTX_init(check.get(), store.get(), leaf, chain) == 1);
  GNOMON_CHECK(X509_STORE_CTX_set_default(check.get(), "ssl_server") == 1);
  GNOMON_CHECK(
      X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(check.get()), kCollectorName, 0) == 1);
  const int verified = X509_verify_cert(check.get());
  ERR_clear_error();
  if (verified != 1) {
    return Failure{verify_error(X509_STORE_CTX_get_error(check.get()))};
  }
  return *root;
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
