#include "core/net/tls_fault.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string>

namespace gnomon {
namespace {

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

}  // namespace

NetError verify_fault(long result) {
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

NetError tls_fault(const SSL* ssl, bool established) {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  switch (reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return {NetFault::closed, "the peer closed the connection"};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {NetFault::no_certificate, "the peer showed no certificate"};
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return verify_fault(SSL_get_verify_result(ssl));
    case SSL_R_BAD_SIGNATURE:
      return {NetFault::stolen_certificate,
              "the peer does not hold the key of the certificate that it shows"};
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
  if (!established) {
    return {NetFault::not_tls, "the peer does not speak TLS"};
  }
  return {NetFault::tls, "the connection was disturbed"};
}

}  // namespace gnomon
