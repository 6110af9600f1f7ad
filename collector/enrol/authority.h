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
#include "core/net/issue.h"
#include "core/net/keys.h"
#include "core/net/tls_context.h"
#include "core/result.h"
#include "core/wire/policy.h"

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

  // import_company stores an authority of the company's own, to be used from the next open() on:
  // `chain` is its certificate, then those above it up to the root, which agents will trust. The
  // key must be unencrypted. The failure is one sentence.
  //
  // Below it stand the same two issuers as below our own root; where the company allows no further
  // authority (path length 0) it signs agents and servers itself, and their purposes alone keep
  // them apart.
  static Result<Ok, std::string> import_company(FileSystem& files, const Clock& clock,
                                                const std::string& directory,
                                                const std::string& key, const std::string& chain);

  const Certificate& root() const { return root_; }

  // is_company says whether the root is an imported one.
  bool is_company() const { return company_; }

  // instance names this installation in certificates: the hash of the root's key, or of the
  // imported authority's, shortened.
  std::string instance() const;

  // agent_uri is the name that a certificate of that agent carries beside the agent's id.
  std::string agent_uri(const std::string& agent) const;

  // issue_agent makes an agent's certificate: common name `agent`, URI
  // spiffe://<instance>/agent/<agent>, client authentication only. Yields the chain to send.
  std::vector<Certificate> issue_agent(const PublicKey& key, const std::string& agent) const;

  // sign gives a policy's bytes as agents take them, signed by a certificate of its own purpose.
  std::string sign(const Policy& policy) const;

  // server_tls is what the listeners serve with. With `for_agents` clients must show a
  // certificate of ours.
  ServerTls server_tls(bool for_agents) const;

  // renew_server makes a new server certificate when two thirds of the old one's life are over;
  // true when it did, and the listeners should take server_tls() anew.
  Result<bool, IoError> renew_server();

 private:
  // Issuers is who signs what.
  struct Issuers {
    Certificate root;
    std::vector<Certificate> between;  // authorities of the company below its root, nearest first
    Issuer agents;
    Issuer servers;
    Issuer policies;
  };

  Authority(FileSystem& files, const Clock& clock, AuthorityOptions options, Issuers issuers,
            bool company);

  std::vector<Certificate> chain_above_servers() const;
  Result<Ok, IoError> load_or_make_server();
  Result<Ok, IoError> make_server();

  FileSystem& files_;
  const Clock& clock_;
  AuthorityOptions options_;
  Certificate root_;
  std::vector<Certificate> between_;
  Issuer agents_;
  Issuer servers_;
  Issuer policies_;
  bool company_ = false;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unique_ptr<Issuer> server_;
};

}  // namespace gnomon
