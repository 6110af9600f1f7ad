// Credentials: who this agent is to its collector, and the renewal of that.

#pragma once

#include <memory>
#include <optional>
#include <random>
#include <string>

#include "agent/spool/spool.h"
#include "agent/uplink/identity.h"
#include "agent/uplink/uplink.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/net/tls_context.h"
#include "core/wire/messages.h"

namespace gnomon {

// Credentials holds the identity from the disk, the TLS context made of it, and a renewal that was
// asked for. One thread; everything given must outlive it.
class Credentials {
 public:
  Credentials(FileSystem& files, const Clock& clock, Spool& spool, const UplinkOptions& options);

  // load reads the identity, unless there is one. Yields in words why there is none to use; empty:
  // there is. A new name is settled with the spool first (sender.h).
  std::string load();

  // tls is what new connections use. Shared: a renewal makes a new one while a connection still
  // uses the old.
  const std::shared_ptr<TlsContext>& tls() const { return tls_; }

  // is_due says that the certificate should be renewed and that nobody was asked yet; is_expired,
  // that it has ended by our own clock.
  bool is_due() const { return !renewal_ && clock_.wall() >= renew_at_; }
  bool is_expired() const { return clock_.wall() >= identity_->chain.front().not_after(); }

  // tell_expired notes that the collector says so; false when it had said so before, or our clock
  // does not agree. Neither clock is believed alone: one that jumped must not send this agent, or
  // all of a collector's, into quarantine.
  bool tell_expired();
  bool must_ask_to_be_let_in() const { return told_expired_ && is_expired(); }

  // ask makes a new key, and the request for its certificate. take yields whether the answer was
  // good and is stored; what it holds is used from the next connection on. A connection's end is
  // the end of its request.
  wire::RenewRequest ask();
  bool take(const wire::RenewReply& reply);
  void forget_request() { renewal_.reset(); }

 private:
  void use(Identity identity);

  FileSystem& files_;
  const Clock& clock_;
  Spool& spool_;
  const UplinkOptions& options_;
  std::mt19937_64 random_;
  std::optional<Identity> identity_;
  std::shared_ptr<TlsContext> tls_;
  WallTime renew_at_;
  std::optional<PrivateKey> renewal_;  // the key that a certificate was asked for
  bool told_expired_ = false;
};

}  // namespace gnomon
