#include "collector/enrol/authority.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "collector/enrol/authority_folder.h"
#include "core/log.h"
#include "core/net/crypto.h"
#include "core/net/policy_signature.h"

namespace gnomon {
namespace {

constexpr std::chrono::hours kRootLife{24 * 3650};
constexpr std::chrono::hours kIssuerLife{24 * 1825};
constexpr std::chrono::hours kPolicySignerLife{24 * 730};

// As many certificates as a policy carries beside its signer's and the issuer's own.
constexpr std::size_t kMaxCompanyChain = 3;
constexpr std::chrono::hours kLeastCompanyLife{24 * 30};

// Agents whose clock is behind must still find the certificate valid.
constexpr std::chrono::minutes kBackdate{10};

// Signer yields who signs an issuer. The root's key is asked for only when it is needed: it may be
// off the machine.
using Signer = std::function<Result<Issuer, IoError>()>;

Result<Issuer, IoError> load_or_make_issuer(const AuthorityFolder& folder, const std::string& stem,
                                            CertificateKind kind, const Signer& signer,
                                            const Certificate& above, WallTime now) {
  const auto there = folder.has(stem + ".crt");
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    auto pair = folder.pair(stem);
    // One of an authority that was imported before another was is made anew.
    if (!pair || pair->certificate.is_signed_by(above)) {
      return pair;
    }
  }
  const auto by = signer();
  if (!by) {
    return Failure{by.error()};
  }
  const PrivateKey key = PrivateKey::generate();
  CertificateRequest request;
  request.kind = kind;
  request.common_name = kind == CertificateKind::agent_issuer ? "Gnomon agents" : "Gnomon servers";
  request.not_before = now - kBackdate;
  request.not_after = std::min(now + kIssuerLife, above.not_after());
  const Issuer made{issue(request, PublicKey::of(key), *by), key};
  if (const auto stored = folder.store_pair(stem, made); !stored) {
    return Failure{stored.error()};
  }
  return made;
}

// load_or_make_policy_signer is for every start: the signer needs the issuer of servers alone, and
// is made anew in the last quarter of its life.
Result<Issuer, IoError> load_or_make_policy_signer(const AuthorityFolder& folder,
                                                   const Issuer& servers, WallTime now) {
  const auto there = folder.has("policy.crt");
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    auto pair = folder.pair("policy");
    if (!pair || (now < pair->certificate.not_after() - kPolicySignerLife / 4 &&
                  pair->certificate.is_signed_by(servers.certificate))) {
      return pair;
    }
  }
  const PrivateKey key = PrivateKey::generate();
  CertificateRequest request;
  request.kind = CertificateKind::policy_signer;
  request.common_name = "Gnomon policies";
  request.not_before = now - kBackdate;
  request.not_after = std::min(now + kPolicySignerLife, servers.certificate.not_after());
  const Issuer made{issue(request, PublicKey::of(key), servers), key};
  if (const auto stored = folder.store_pair("policy", made); !stored) {
    return Failure{stored.error()};
  }
  return made;
}

// Company is an imported authority.
struct Company {
  Issuer issuer;
  std::vector<Certificate> between;  // its own certificate first, the root left out
  Certificate root;
};

Result<Company, IoError> load_company(const AuthorityFolder& folder) {
  const auto chain = folder.chain("imported.crt");
  const auto key = folder.key("imported.key");
  if (!chain) {
    return Failure{chain.error()};
  }
  if (!key) {
    return Failure{key.error()};
  }
  if (chain->size() < 2 || !chain->front().belongs_to(*key)) {
    return damaged_pem(folder.path("imported.crt"));
  }
  return Company{Issuer{chain->front(), *key}, {chain->begin(), chain->end() - 1}, chain->back()};
}

// make_root is the first start of an installation.
Result<Ok, IoError> make_root(const AuthorityFolder& folder, WallTime now) {
  const PrivateKey key = PrivateKey::generate();
  CertificateRequest request;
  request.kind = CertificateKind::root;
  request.common_name = "Gnomon root";
  request.not_before = now - kBackdate;
  request.not_after = now + kRootLife;
  auto stored = folder.store_pair("root", Issuer{issue_self_signed(request, key), key});
  if (stored) {
    log::info("enrol.authority_created");
  }
  return stored;
}

// fault_of_company says what is wrong with an authority that is to be imported; empty: nothing.
std::string fault_of_company(const std::optional<PrivateKey>& key,
                             const std::vector<Certificate>& chain, WallTime now) {
  if (!key) {
    return "the key is none that can be used: an unencrypted RSA key of 2048 bits or more, or one "
           "of the curves P-256, P-384, P-521, as PEM";
  }
  if (chain.size() < 2 || chain.size() > kMaxCompanyChain) {
    return "the chain must hold the authority's certificate, then those above it, the root last: "
           "two to " +
           std::to_string(kMaxCompanyChain) + " certificates as PEM";
  }
  const Certificate& own = chain.front();
  if (!own.belongs_to(*key)) {
    return "the key does not belong to the first certificate of the chain";
  }
  if (!own.may_issue()) {
    return "the first certificate of the chain may not issue others (no CA, or no keyCertSign)";
  }
  if (!chain.back().is_signed_by(chain.back())) {
    return "the last certificate of the chain is no root: it did not sign itself";
  }
  if (!leads_to(own, {chain.begin() + 1, chain.end() - 1}, chain.back(), now)) {
    return "the certificates do not make a chain, or one of them is not in date";
  }
  if (own.not_after() < now + kLeastCompanyLife) {
    return "the authority's certificate ends within 30 days";
  }
  return {};
}

}  // namespace

Authority::Authority(FileSystem& files, const Clock& clock, AuthorityOptions options,
                     Issuers issuers, bool company)
    : files_(files),
      clock_(clock),
      options_(std::move(options)),
      root_(std::move(issuers.root)),
      between_(std::move(issuers.between)),
      agents_(std::move(issuers.agents)),
      servers_(std::move(issuers.servers)),
      policies_(std::move(issuers.policies)),
      company_(company) {}

Result<std::unique_ptr<Authority>, IoError> Authority::open(FileSystem& files, const Clock& clock,
                                                            AuthorityOptions options) {
  if (const auto made = files.make_directory(options.directory); !made) {
    return Failure{made.error()};
  }
  const AuthorityFolder folder(files, options.directory);
  const WallTime now = clock.wall();
  const auto imported = folder.has("imported.crt");
  const auto there = folder.has("root.crt");
  if (!imported || !there) {
    return Failure{imported ? there.error() : imported.error()};
  }
  std::optional<Company> company;
  if (*imported) {
    auto loaded = load_company(folder);
    if (!loaded) {
      return Failure{loaded.error()};
    }
    company = std::move(*loaded);
  } else if (!*there) {
    if (const auto made = make_root(folder, now); !made) {
      return Failure{made.error()};
    }
  }
  const auto root =
      company ? Result<Certificate, IoError>{company->root} : folder.certificate("root.crt");
  if (!root) {
    return Failure{root.error()};
  }
  const bool direct = company && company->issuer.certificate.path_length() == 0;
  const Certificate& above = company ? company->issuer.certificate : *root;
  const Signer signer = [&]() -> Result<Issuer, IoError> {
    return company ? Result<Issuer, IoError>{company->issuer} : folder.pair("root");
  };
  const auto issuer = [&](const char* stem, CertificateKind kind) -> Result<Issuer, IoError> {
    return direct ? Result<Issuer, IoError>{company->issuer}
                  : load_or_make_issuer(folder, stem, kind, signer, above, now);
  };
  const auto agents = issuer("agents", CertificateKind::agent_issuer);
  if (!agents) {
    return Failure{agents.error()};
  }
  const auto servers = issuer("servers", CertificateKind::server_issuer);
  if (!servers) {
    return Failure{servers.error()};
  }
  const auto policies = load_or_make_policy_signer(folder, *servers, now);
  if (!policies) {
    return Failure{policies.error()};
  }
  std::vector<Certificate> between;
  if (company) {
    // Where the authority itself is the issuer, it is not above itself.
    between.assign(company->between.begin() + (direct ? 1 : 0), company->between.end());
  }
  std::unique_ptr<Authority> authority(new Authority(
      files, clock, std::move(options),
      Issuers{*root, std::move(between), *agents, *servers, *policies}, company.has_value()));
  if (const auto ready = authority->load_or_make_server(); !ready) {
    return Failure{ready.error()};
  }
  return authority;
}

Result<Ok, std::string> Authority::import_company(FileSystem& files, const Clock& clock,
                                                  const std::string& directory,
                                                  const std::string& key,
                                                  const std::string& chain) {
  const auto parsed = PrivateKey::any_from_pem(key);
  const auto certificates = parse_pem_chain(chain);
  if (std::string fault = fault_of_company(parsed, certificates, clock.wall()); !fault.empty()) {
    return Failure{std::move(fault)};
  }
  std::string pem;
  for (const Certificate& certificate : certificates) {
    pem += certificate.to_pem();
  }
  const AuthorityFolder folder(files, directory);
  // The certificate's presence is what says that the pair is there: the key goes first.
  for (const auto& [name, text] : {std::pair{std::string{"imported.key"}, parsed->to_pem()},
                                   std::pair{std::string{"imported.crt"}, pem}}) {
    if (const auto stored = replace_file(files, folder.path(name), text); !stored) {
      return Failure{stored.error().text()};
    }
  }
  log::info("enrol.authority_imported");
  return Ok{};
}

std::string Authority::instance() const {
  // Two installations of one company share its root, and are two all the same.
  const Certificate& own = company_ ? servers_.certificate : root_;
  return to_hex(own.key_sha256()).substr(0, 16);
}

std::string Authority::agent_uri(const std::string& agent) const {
  return "spiffe://" + instance() + "/agent/" + agent;
}

std::vector<Certificate> Authority::chain_above_servers() const {
  std::vector<Certificate> chain{servers_.certificate};
  chain.insert(chain.end(), between_.begin(), between_.end());
  return chain;
}

Result<Ok, IoError> Authority::load_or_make_server() {
  const AuthorityFolder folder(files_, options_.directory);
  const auto there = folder.has("server.crt");
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    auto pair = folder.pair("server");
    if (!pair) {
      return Failure{pair.error()};
    }
    if (!pair->certificate.is_signed_by(servers_.certificate)) {
      return make_server();  // of an authority that was there before
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
  request.not_after =
      std::min(clock_.wall() + options_.server_life, servers_.certificate.not_after());
  Issuer made{issue(request, PublicKey::of(key), servers_), key};
  const AuthorityFolder folder(files_, options_.directory);
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
  request.uri = agent_uri(agent);
  request.not_before = clock_.wall() - kBackdate;
  request.not_after =
      std::min(clock_.wall() + options_.agent_life, agents_.certificate.not_after());
  return {issue(request, key, agents_)};
}

std::string Authority::sign(const Policy& policy) const {
  return sign_policy(policy, policies_, chain_above_servers());
}

ServerTls Authority::server_tls(bool for_agents) const {
  const std::lock_guard lock(mutex_);
  ServerTls tls{{server_->certificate}, server_->key, {}};
  const std::vector<Certificate> above = chain_above_servers();
  tls.chain.insert(tls.chain.end(), above.begin(), above.end());
  tls.chain.push_back(root_);
  tls.expired_clients = for_agents;
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
