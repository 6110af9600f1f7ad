#include "core/net/pinned_root.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <memory>
#include <optional>

#include "core/check.h"
#include "core/net/tls_context.h"
#include "core/net/tls_fault.h"

namespace gnomon {

Result<Certificate, NetError> verify_pinned(const SSL* ssl, std::string_view root_key_sha256) {
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  X509* leaf = SSL_get0_peer_certificate(ssl);
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
    return Failure{verify_fault(X509_STORE_CTX_get_error(check.get()))};
  }
  return *root;
}

}  // namespace gnomon
