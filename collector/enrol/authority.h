// Authority: the collector's own certificate authority.

#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/net/certificate.h"
#include "core/net/tls_context.h"
#include "core/result.h"

namespace gnomon {

// AuthorityOptions say where it lives and how long things last.
struct AuthorityOptions {
  std::string directory;               // made on first start
  std::vector<std::string> dns_names;  // of this collector, beside kCollectorName
  std::vector<std::string> addresses;  // IP addresses, likewise
  std::chrono::hours agent_life{24 * 7};
  std::chrono::hours server_life{24 * 90};
};

// Authority holds a root that signs nothing but two issuers (one for agents, one for servers, so
// that neither can make the other's certificates), the issuers, and the server's own certificate,
// which it renews by itself.
//
// The root's key is needed only to make issuers: it may be taken off the machine after the first
// start. Keys are 0600. Safe from every thread after open().
class Authority {
 public:
  static Result<std::unique_ptr<Authority>, IoError> open(FileSystem& files, const Clock& clock,
                                                          AuthorityOptions options);

  const Certificate& root() const { return root_; }

  // instance names this installation in certificates: the root key's hash, shortened.
  std::string instance() const;

  // issue_agent makes an agent's certificate: common name `agent`, URI
  // spiffe://<instance>/agent/<agent>, client authentication only. Yields the chain to send.
  std::vector<Certificate> issue_agent(const PublicKey& key, const std::string& agent) const;

  // server_tls is what the listeners serve with. With `for_agents` clients must show a
  // certificate of ours.
  ServerTls server_tls(bool for_agents) const;

  // renew_server makes a new server certificate when two thirds of the old one's life are over;
  // true when it did, and the listeners should take server_tls() anew.
  Result<bool, IoError> renew_server();

 private:
  Authority(FileSystem& files, const Clock& clock, AuthorityOptions options, Certificate root,
            Issuer agents, Issuer servers);

  Result<Ok, IoError> load_or_make_server();
  Result<Ok, IoError> make_server();

  FileSystem& files_;
  const Clock& clock_;
  AuthorityOptions options_;
  Certificate root_;
  Issuer agents_;
  Issuer servers_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unique_ptr<Issuer> server_;
};

}  // namespace gnomon
