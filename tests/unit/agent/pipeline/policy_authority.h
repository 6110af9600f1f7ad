// PolicyAuthority: a collector's authority, as far as an agent sees it.

#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/file.h"
#include "core/wire/policy.h"

namespace gnomon::testing {

class PolicyAuthority {
 public:
  // All certificates are good from a day before `now` on, for ten days.
  explicit PolicyAuthority(WallTime now);
  PolicyAuthority(const PolicyAuthority&) = delete;
  PolicyAuthority& operator=(const PolicyAuthority&) = delete;
  ~PolicyAuthority();

  // enrol stores an identity that trusts this authority.
  void enrol(FileSystem& files, const std::string& identity_folder) const;

  // bytes_of_policy signs it.
  std::string bytes_of_policy(const Policy& policy) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gnomon::testing
