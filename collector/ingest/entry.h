// Entry: whether whoever connects may come in, before a word is spoken.

#pragma once

#include <optional>
#include <string>

#include "collector/enrol/registry.h"
#include "collector/ingest/session_world.h"
#include "core/clock.h"
#include "core/net/certificate.h"
#include "core/wire/messages.h"

namespace gnomon {

// Entry is what a certificate makes of a connection.
struct Entry {
  std::string refused;              // the reason it is counted under; empty: it may come in
  std::optional<wire::Error> told;  // what it is told when it is refused; absent: nothing
  WallTime certificate_expires;
  bool asleep = false;  // its certificate has expired, not too long ago: it may ask for another
};

// judge_entry looks at the certificate that was shown, or that a resumed session stands for. In a
// full handshake OpenSSL has checked its issuer; a resumed one showed nothing. Dates and standing
// are asked here, always.
Entry judge_entry(const std::optional<Certificate>& certificate, const SessionWorld& world);

// error_of is what an agent is told that the registry keeps out.
wire::Error error_of(Bar bar);

// expired_error is what an agent is told whose certificate has expired.
wire::Error expired_error();

}  // namespace gnomon
