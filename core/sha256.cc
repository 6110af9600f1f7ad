#include "core/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/check.h"
#include "core/file.h"

namespace gnomon {

Sha256 sha256(Bytes bytes) {
  Sha256 hash{};
  unsigned size = 0;
  GNOMON_CHECK(
      ::EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, ::EVP_sha256(), nullptr) == 1);
  return hash;
}

Sha256 hmac_sha256(Bytes key, Bytes message) {
  Sha256 hash{};
  unsigned size = 0;
  GNOMON_CHECK(::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(),
                      message.size(), hash.data(), &size) != nullptr);
  return hash;
}

std::string sha256_text(std::string_view text) {
  const Sha256 hash = sha256(bytes_of(text));
  return std::string{text_of(hash)};
}

}  // namespace gnomon
