#include "agent/uplink/credentials.h"

#include <chrono>
#include <utility>
#include <vector>

#include "agent/uplink/sender.h"
#include "core/log.h"

namespace gnomon {

Credentials::Credentials(FileSystem& files, const Clock& clock, Spool& spool,
                         const UplinkOptions& options)
    : files_(files),
      clock_(clock),
      spool_(spool),
      options_(options),
      random_(std::random_device{}()) {}

std::string Credentials::load() {
  if (tls_) {
    return {};
  }
  auto identity = load_identity(files_, options_.identity_directory);
  if (!identity) {
    return "the identity cannot be used: " + identity.error().text();
  }
  if (!*identity) {
    return "this agent is not enrolled yet";
  }
  if (!options_.sender_path.empty()) {
    settle_sender(files_, options_.sender_path, **identity, spool_);
  }
  use(**std::move(identity));
  return {};
}

void Credentials::use(Identity identity) {
  identity_ = std::move(identity);
  ClientTls options;
  options.root = identity_->root;
  options.chain = identity_->chain;
  options.key = identity_->key;
  tls_ = std::make_shared<TlsContext>(TlsContext::client(options));
  const WallTime begin = identity_->chain.front().not_before();
  const WallTime end = identity_->chain.front().not_after();
  std::uniform_real_distribution<double> draw(options_.renew_from, options_.renew_to);
  renew_at_ =
      begin + std::chrono::duration_cast<std::chrono::nanoseconds>((end - begin) * draw(random_));
}

bool Credentials::tell_expired() {
  const bool news = is_expired() && !told_expired_;
  told_expired_ = told_expired_ || news;
  return news;
}

wire::RenewRequest Credentials::ask() {
  renewal_ = PrivateKey::generate();
  return wire::RenewRequest{make_csr(*renewal_)};
}

bool Credentials::take(const wire::RenewReply& reply) {
  if (!renewal_) {
    return false;
  }
  std::vector<Certificate> chain;
  for (const std::string& der : reply.chain) {
    if (const auto certificate = Certificate::from_der(der)) {
      chain.push_back(*certificate);
    }
  }
  const bool good = !chain.empty() && chain.front().belongs_to(*renewal_) &&
                    chain.front().common_name() == identity_->agent;
  if (!good) {
    log::warn("uplink.renewal_makes_no_sense");
    return false;
  }
  Identity renewed{identity_->agent, *renewal_, std::move(chain), identity_->root};
  if (const auto stored = store_identity(files_, options_.identity_directory, renewed); !stored) {
    log::warn("uplink.renewal_not_stored", {{"reason", stored.error().text()}});
    return false;
  }
  use(std::move(renewed));
  renewal_.reset();
  told_expired_ = false;
  log::info("uplink.certificate_renewed");
  return true;
}

}  // namespace gnomon
