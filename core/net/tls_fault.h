// What OpenSSL complains of, in our words.

#pragma once

#include "core/net/net_error.h"

struct ssl_st;

namespace gnomon {

// tls_fault reads the thread's queue of OpenSSL errors, right after a failed step of `ssl`.
// `established` says whether the handshake was over before it.
NetError tls_fault(const ssl_st* ssl, bool established);

// verify_fault is the fault behind a certificate that did not verify (X509_V_ERR_*).
NetError verify_fault(long result);

}  // namespace gnomon
