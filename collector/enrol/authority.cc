#include "collector/enrol/authority.h"

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "core/net/crypto.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxPem = std::size_t{64} << 10;
constexpr std::chrono::hours kRootLife{24 * 3650};
constexpr std::chrono::hours kIssuerLife{24 * 1825};

// Agents whose clock is behind must still find the certificate valid.
constexpr std::chrono::minutes kBackdate{10};

Failure<IoError> damaged(const std::string& path) {
  return Failure{IoError{"read", path, std::make_error_code(std::errc::illegal_byte_sequence)}};
}

class Folder {
 public:
  Folder(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  Result<bool, IoError> has(const std::string& name) const { return files_.exists(path(name)); }

  Result<Certificate, IoError> certificate(const std::string& name) const {
    const auto text = read_whole_file(files_, path(name), kMaxPem);
    if (!text) {
      return Failure{text.error()};
    }
    const auto certificate = Certificate::from_pem(*text);
    if (!certificate) {
      return damaged(path(name));
    }
    return *certificate;
  }

  Result<PrivateKey, IoError> key(const std::string& name) const {
    const auto text = read_whole_file(files_, path(name), kMaxPem);
    if (!text) {
      return Failure{text.error()};
    }
    const auto key = PrivateKey::from_pem(*text);
    if (!key) {
      return damaged(path(name));
    }
    return *key;
  }

  Result<Issuer, IoError> pair(const std::string& stem) const {
    const auto certificate = this->certificate(stem + ".crt");
    if (!certificate) {
      return Failure{certificate.error()};
    }
    const auto key = this->key(stem + ".key");
    if (!key) {
      return Failure{key.error()};
    }
    if (!certificate->belongs_to(*key)) {
      return damaged(path(stem + ".key"));
    }
    return Issuer{*certificate, *key};
  }

  // store_pair writes the key first: a certificate without its key is worth nothing, and the
  // certificate's presence is what says that the pair is there.
  Result<Ok, IoError> store_pair(const std::string& stem, const Issuer& pair) const {
    if (auto stored = replace_file(files_, path(stem + ".key"), pair.key.to_pem()); !stored) {
      return stored;
    }
    return replace_file(files_, path(stem + ".crt"), pair.certificate.to_pem());
  }

 private:
  FileSystem& files_;
  std::string directory_;
};

Result<Issuer, IoError> load_or_make_issuer(const Folder& folder, const std::string& stem,
                                            CertificateKind kind, const char* name, WallTime now) {
  const auto there = folder.has(stem + ".crt");
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    return folder.pair(stem);
  }
  const auto root = folder.pair("root");
  if (!root) {
    return Failure{root.error()};
  }
  const PrivateKey key = PrivateKey::generate();
  CertificateRequest request;
  request.kind = kind;
  request.common_name = name;
  request.not_before = now - kBackdate;
  request.not_after = now + kIssuerLife;
  const Issuer made{issue(request, PublicKey::of(key), *root), key};
  if (const auto stored = folder.store_pair(stem, made); !stored) {
    return Failure{stored.error()};
  }
  return made;
}

}  // namespace

Authority::Authority(FileSystem& files, const Clock& clock, AuthorityOptions options,
                     Certificate root, Issuer agents, Issuer servers)
    : files_(files),
      clock_(clock),
      options_(std::move(options)),
      root_(std::move(root)),
      agents_(std::move(agents)),
      servers_(std::move(servers)) {}

Result<std::unique_ptr<Authority>, IoError> Authority::open(FileSystem& files, const Clock& clock,
                                                            AuthorityOptions options) {
  if (const auto made = files.make_directory(options.directory); !made) {
    return Failure{made.error()};
  }
  const Folder folder(files, options.directory);
  const WallTime now = clock.wall();
  const auto there = folder.has("root.crt");
  if (!there) {
    return Failure{there.error()};
  }
  if (!*there) {
    const PrivateKey key = PrivateKey::generate();
    CertificateRequest request;
    request.kind = CertificateKind::root;
    request.common_name = "Gnomon root";
    request.not_before = now - kBackdate;
    request.not_after = now + kRootLife;
    if (const auto stored = folder.store_pair("root", Issuer{issue_self_signed(request, key), key});
        !stored) {
      return Failure{stored.error()};
    }
    log::info("enrol.authority_created");
  }
  const auto root = folder.certificate("root.crt");
  if (!root) {
    return Failure{root.error()};
  }
  const auto agents =
      load_or_make_issuer(folder, "agents", CertificateKind::agent_issuer, "Gnomon agents", now);
  if (!agents) {
    return Failure{agents.error()};
  }
  const auto servers =
      load_or_make_issuer(folder, "servers", CertificateKind::server_issuer, "Gnomon servers", now);
  if (!servers) {
    return Failure{servers.error()};
  }
  std::unique_ptr<Authority> authority(
      new Authority(files, clock, std::move(options), *root, *agents, *servers));
  if (const auto ready = authority->load_or_make_server(); !ready) {
    return Failure{ready.error()};
  }
  return authority;
}

std::string Authority::instance() const {
  return to_hex(root_.key_sha256()).substr(0, 16);
}

Result<Ok, IoError> Authority::load_or_make_server() {
  const Folder folder(files_, options_.directory);
  const auto there = folder.has("server.crt");
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    auto pair = folder.pair("server");
    if (!pair) {
      return Failure{pair.error()};
    }
    server_ = std::make_unique<Issuer>(*std::move(pair));
    const auto renewed = renew_server();
    if (!renewed) {
      return Failure{renewed.error()};
    }
    return Ok{};
  }
  return make_server();
}

Result<Ok, IoError> Authority::make_server() {
  const PrivateKey key = PrivateKey::generate();
  CertificateRequest request;
  request.kind = CertificateKind::server;
  request.common_name = kCollectorName;
  request.dns_names = options_.dns_names;
  request.dns_names.emplace_back(kCollectorName);
  request.addresses = options_.addresses;
  request.not_before = clock_.wall() - kBackdate;
  request.not_after = clock_.wall() + options_.server_life;
  Issuer made{issue(request, PublicKey::of(key), servers_), key};
  const Folder folder(files_, options_.directory);
  if (auto stored = folder.store_pair("server", made); !stored) {
    return stored;
  }
  server_ = std::make_unique<Issuer>(std::move(made));
  return Ok{};
}

std::vector<Certificate> Authority::issue_agent(const PublicKey& key,
                                                const std::string& agent) const {
  CertificateRequest request;
  request.kind = CertificateKind::agent;
  request.common_name = agent;
  request.uri = "spiffe://" + instance() + "/agent/" + agent;
  request.not_before = clock_.wall() - kBackdate;
  request.not_after = clock_.wall() + options_.agent_life;
  return {issue(request, key, agents_)};
}

ServerTls Authority::server_tls(bool for_agents) const {
  const std::lock_guard lock(mutex_);
  ServerTls tls{{server_->certificate, servers_.certificate, root_}, server_->key, {}};
  if (for_agents) {
    tls.client_issuers.push_back(agents_.certificate);
  }
  return tls;
}

Result<bool, IoError> Authority::renew_server() {
  const std::lock_guard lock(mutex_);
  const WallTime end = server_->certificate.not_after();
  const WallTime begin = server_->certificate.not_before();
  if (clock_.wall() < begin + (end - begin) * 2 / 3) {
    return false;
  }
  if (const auto made = make_server(); !made) {
    return Failure{made.error()};
  }
  log::info("enrol.server_certificate_renewed");
  return true;
}

}  // namespace gnomon
