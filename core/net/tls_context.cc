#include "core/net/tls_context.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <csignal>

#include "core/check.h"

namespace gnomon {
namespace {

// A resumed session does not show its certificate again; an hour bounds how long anything rests on
// a certificate that was checked once.
constexpr long kTicketSeconds = 3600;

// Any value: sessions of one purpose must not resume another.
constexpr std::array<unsigned char, 6> kSessionContext = {'g', 'n', 'o', 'm', 'o', 'n'};

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  // A peer that goes away must be an error code. OpenSSL writes with write(2), which would raise
  // SIGPIPE and end the process.
  static const bool ignored = std::signal(SIGPIPE, SIG_IGN) != SIG_ERR;
  GNOMON_CHECK(ignored);
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), &SSL_CTX_free);
  GNOMON_CHECK(context != nullptr);
  GNOMON_CHECK(SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) == 1);
  GNOMON_CHECK(SSL_CTX_set1_groups_list(context.get(), "X25519:P-256") == 1);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  return context;
}

void use_identity(SSL_CTX* context, const std::vector<Certificate>& chain, const PrivateKey& key) {
  GNOMON_CHECK(!chain.empty());
  GNOMON_CHECK(SSL_CTX_use_certificate(context, chain.front().handle()) == 1);
  for (std::size_t i = 1; i < chain.size(); ++i) {
    GNOMON_CHECK(SSL_CTX_add1_chain_cert(context, chain[i].handle()) == 1);
  }
  GNOMON_CHECK(SSL_CTX_use_PrivateKey(context, key.handle()) == 1);
}

// forgive_expiry lets a client in whose own certificate has expired and is good otherwise.
int forgive_expiry(int good, X509_STORE_CTX* about) {
  if (good == 0 && X509_STORE_CTX_get_error_depth(about) == 0 &&
      X509_STORE_CTX_get_error(about) == X509_V_ERR_CERT_HAS_EXPIRED) {
    X509_STORE_CTX_set_error(about, X509_V_OK);
    return 1;
  }
  return good;
}

void require_client(SSL_CTX* context, const ServerTls& options) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& issuer : options.client_issuers) {
    GNOMON_CHECK(X509_STORE_add_cert(store, issuer.handle()) == 1);
  }
  // Trust exactly these issuers, whoever issued them: a server's certificate, or one of another
  // issuer below the same root, makes nobody an agent.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     options.expired_clients ? &forgive_expiry : nullptr);
  SSL_CTX_set_verify_depth(context, 1);
}

}  // namespace

TlsContext TlsContext::server(const ServerTls& options) {
  TlsContext made;
  made.context_ = make_context(TLS_server_method());
  SSL_CTX* context = made.context_.get();
  use_identity(context, options.chain, options.key);
  SSL_CTX_set_num_tickets(context, options.client_issuers.empty() ? 0 : 1);
  SSL_CTX_set_timeout(context, kTicketSeconds);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets carry the session
  GNOMON_CHECK(
      SSL_CTX_set_session_id_context(context, kSessionContext.data(), kSessionContext.size()) == 1);
  if (!options.client_issuers.empty()) {
    require_client(context, options);
  }
  return made;
}

TlsContext TlsContext::client(const ClientTls& options) {
  TlsContext made;
  made.context_ = make_context(TLS_client_method());
  made.sessions_ = std::make_unique<SessionBox>();
  SSL_CTX* context = made.context_.get();
  if (options.root) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    GNOMON_CHECK(X509_STORE_add_cert(store, options.root->handle()) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_app_data(context, made.sessions_.get());
    SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
      auto* box = static_cast<SessionBox*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      box->newest = std::shared_ptr<SSL_SESSION>(session, &SSL_SESSION_free);
      return 1;  // the reference is ours now
    });
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  }
  if (options.key) {
    use_identity(context, options.chain, *options.key);
  }
  return made;
}

ssl_session_st* TlsContext::session() const {
  return sessions_ ? sessions_->newest.get() : nullptr;
}

void TlsContext::forget_session() {
  if (sessions_) {
    sessions_->newest.reset();
  }
}

}  // namespace gnomon
