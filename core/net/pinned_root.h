// Trusting a server by the hash of its authority's key, before anything else of it is known.

#pragma once

#include <string_view>

#include "core/net/certificate.h"
#include "core/net/net_error.h"
#include "core/result.h"

struct ssl_st;

namespace gnomon {

// verify_pinned looks for a root with this key hash in the chain that the server showed, and holds
// the chain to it. Yields that root. After the handshake.
Result<Certificate, NetError> verify_pinned(const ssl_st* ssl, std::string_view root_key_sha256);

}  // namespace gnomon
