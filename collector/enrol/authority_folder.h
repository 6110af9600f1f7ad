// AuthorityFolder: keys and certificates of the collector's authority, as PEM files.

#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/io_error.h"
#include "core/net/certificate.h"
#include "core/net/issue.h"
#include "core/net/keys.h"
#include "core/result.h"

namespace gnomon {

// damaged_pem is the failure to make sense of a file.
Failure<IoError> damaged_pem(const std::string& path);

// AuthorityFolder reads and writes `<stem>.crt` and `<stem>.key`. Keys are 0600. `files` must
// outlive it.
class AuthorityFolder {
 public:
  AuthorityFolder(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  Result<bool, IoError> has(const std::string& name) const { return files_.exists(path(name)); }

  Result<Certificate, IoError> certificate(const std::string& name) const;
  Result<PrivateKey, IoError> key(const std::string& name) const;

  // pair fails when the key does not belong to the certificate.
  Result<Issuer, IoError> pair(const std::string& stem) const;
  Result<std::vector<Certificate>, IoError> chain(const std::string& name) const;

  // store_pair writes the key first: a certificate without its key is worth nothing, and the
  // certificate's presence is what says that the pair is there.
  Result<Ok, IoError> store_pair(const std::string& stem, const Issuer& pair) const;

 private:
  FileSystem& files_;
  std::string directory_;
};

}  // namespace gnomon
