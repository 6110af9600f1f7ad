// TlsContext: what a TLS endpoint is and whom it trusts. TLS 1.3 only.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/net/certificate.h"
#include "core/net/keys.h"

struct ssl_ctx_st;
struct ssl_session_st;

namespace gnomon {

// kCollectorName is in every collector's certificate and is what agents check: the authority that
// issues it serves one instance only, so the network name an agent dialled adds nothing.
constexpr const char* kCollectorName = "collector.gnomon.internal";

// ServerTls is the collector's side.
struct ServerTls {
  std::vector<Certificate> chain;  // its own certificate first, then issuers up to the root
  PrivateKey key;

  // Who may have issued a client's certificate. Empty: clients need none (enrolment).
  std::vector<Certificate> client_issuers;

  // A client's certificate that has expired passes the handshake; whoever serves it looks at its
  // dates, and decides what such a client may ask.
  bool expired_clients = false;
};

// ClientTls is the agent's side.
struct ClientTls {
  // The authority trusted. nullopt: none yet, TlsConnection::verify_pinned() must follow the
  // handshake (enrolment).
  std::optional<Certificate> root;

  // The agent's own, absent during enrolment.
  std::vector<Certificate> chain;
  std::optional<PrivateKey> key;
};

// TlsContext is made once for many connections and must outlive them. A client's context also
// keeps the newest session ticket, so that the next handshake is a resumption. One thread.
class TlsContext {
 public:
  static TlsContext server(const ServerTls& options);
  static TlsContext client(const ClientTls& options);

  bool is_server() const { return sessions_ == nullptr; }
  ssl_ctx_st* handle() const { return context_.get(); }

  // session is the newest ticket a client was given; null when there is none.
  ssl_session_st* session() const;

  // forget_session makes the next handshake a full one.
  void forget_session();

 private:
  // SessionBox lies behind a pointer of its own, because OpenSSL's callback keeps its address.
  struct SessionBox {
    std::shared_ptr<ssl_session_st> newest;
  };

  TlsContext() = default;

  std::unique_ptr<SessionBox> sessions_;  // of a client
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace gnomon
