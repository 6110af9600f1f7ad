// OpenSSL's objects as owned values and its buffers as strings. For the .cc files of core/net
// alone.

#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/clock.h"

namespace gnomon {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

// own takes over the caller's reference.
inline std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, &EVP_PKEY_free};
}
inline std::shared_ptr<X509> own(X509* certificate) {
  return {certificate, &X509_free};
}

// reading gives a source of `text`, which must outlive it; text_in is what was written to a sink.
inline Bio reading(std::string_view text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}
inline std::string text_in(BIO* bio) {
  BUF_MEM* memory = nullptr;
  GNOMON_CHECK(BIO_get_mem_ptr(bio, &memory) == 1);
  return {memory->data, memory->length};
}

// data_of and writable show text the way OpenSSL wants its bytes.
inline const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* writable(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

// take_der takes over what an i2d function wrote.
inline std::string take_der(unsigned char* data, int size) {
  GNOMON_CHECK(size > 0);
  std::string der(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return der;
}

// is_p256 says whether a key is on the curve that our own certificates have.
inline bool is_p256(const EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

// unix_time rounds down to whole seconds, as certificates have them.
inline std::time_t unix_time(WallTime time) {
  using std::chrono::floor;
  using std::chrono::seconds;
  return static_cast<std::time_t>(floor<seconds>(time).time_since_epoch().count());
}

// ErrorsForgotten stands where peers' bytes are read: they leave errors in OpenSSL's queue, and the
// next call would trip over them.
struct ErrorsForgotten {
  ErrorsForgotten() = default;
  ErrorsForgotten(const ErrorsForgotten&) = delete;
  ErrorsForgotten& operator=(const ErrorsForgotten&) = delete;
  ~ErrorsForgotten() { ERR_clear_error(); }
};

}  // namespace gnomon
