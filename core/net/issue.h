// Issuing certificates.

#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "core/net/certificate.h"
#include "core/net/keys.h"

namespace gnomon {

// CertificateRequest says what to issue.
struct CertificateRequest {
  CertificateKind kind = CertificateKind::agent;
  std::string common_name;
  std::vector<std::string> dns_names;  // subject alternative names; checked by the caller
  std::vector<std::string> addresses;
  std::string uri;
  WallTime not_before;
  WallTime not_after;
};

// Issuer is a certificate with its key.
struct Issuer {
  Certificate certificate;
  PrivateKey key;
};

// issue makes a certificate for `subject`, signed by `issuer`.
Certificate issue(const CertificateRequest& request, const PublicKey& subject,
                  const Issuer& issuer);
Certificate issue_self_signed(const CertificateRequest& request, const PrivateKey& self);

}  // namespace gnomon
