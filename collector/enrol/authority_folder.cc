#include "collector/enrol/authority_folder.h"

#include <system_error>

namespace gnomon {
namespace {

constexpr std::size_t kMaxPem = std::size_t{64} << 10;

}  // namespace

Failure<IoError> damaged_pem(const std::string& path) {
  return Failure{IoError{"read", path, std::make_error_code(std::errc::illegal_byte_sequence)}};
}

Result<Certificate, IoError> AuthorityFolder::certificate(const std::string& name) const {
  const auto text = read_whole_file(files_, path(name), kMaxPem);
  if (!text) {
    return Failure{text.error()};
  }
  const auto certificate = Certificate::from_pem(*text);
  if (!certificate) {
    return damaged_pem(path(name));
  }
  return *certificate;
}

Result<PrivateKey, IoError> AuthorityFolder::key(const std::string& name) const {
  const auto text = read_whole_file(files_, path(name), kMaxPem);
  if (!text) {
    return Failure{text.error()};
  }
  const auto key = PrivateKey::any_from_pem(*text);
  if (!key) {
    return damaged_pem(path(name));
  }
  return *key;
}

Result<Issuer, IoError> AuthorityFolder::pair(const std::string& stem) const {
  const auto certificate = this->certificate(stem + ".crt");
  if (!certificate) {
    return Failure{certificate.error()};
  }
  const auto key = this->key(stem + ".key");
  if (!key) {
    return Failure{key.error()};
  }
  if (!certificate->belongs_to(*key)) {
    return damaged_pem(path(stem + ".key"));
  }
  return Issuer{*certificate, *key};
}

Result<std::vector<Certificate>, IoError> AuthorityFolder::chain(const std::string& name) const {
  const auto text = read_whole_file(files_, path(name), kMaxPem);
  if (!text) {
    return Failure{text.error()};
  }
  auto certificates = parse_pem_chain(*text);
  if (certificates.empty()) {
    return damaged_pem(path(name));
  }
  return certificates;
}

Result<Ok, IoError> AuthorityFolder::store_pair(const std::string& stem, const Issuer& pair) const {
  if (auto stored = replace_file(files_, path(stem + ".key"), pair.key.to_pem()); !stored) {
    return stored;
  }
  return replace_file(files_, path(stem + ".crt"), pair.certificate.to_pem());
}

}  // namespace gnomon
