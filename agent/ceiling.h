// Ceiling: what may leave this machine at most, set on this machine alone.

#pragma once

#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/in_force.h"
#include "core/wire/policy.h"

namespace gnomon {

// Setting is one line for `status`.
struct Setting {
  std::string key;
  std::string asked;     // by the policy; "-" when it asks for nothing
  std::string allowed;   // by this machine
  std::string in_force;  // the less of the two
  std::string why;
};

// Ceiling holds a policy to what the local configuration allows. Nothing that a collector sends
// can raise it: it knows the configuration alone.
//
// A policy may turn users, programs and reasons off, widen windows and shorten how long the spool
// keeps.
class Ceiling {
 public:
  explicit Ceiling(const Config& config);

  // under yields what is in force under a policy; null is none.
  InForce under(const Policy* policy) const;

  // explain says the same, key by key, with the reasons.
  std::vector<Setting> explain(const Policy* policy) const;

  // words says in sentences what is collected and what is not.
  static std::vector<std::string> words(const InForce& in_force);

 private:
  bool users_;
  bool programs_;
  bool evidence_;
  bool unknowns_;
  unsigned window_minutes_;
  unsigned spool_days_;
};

// exceeds says whether `in_force` lets anything through that the ceiling forbids, whatever led to
// it: the self-test of a new policy. Empty: it does not.
std::string exceeds(const InForce& in_force, const Config& config);

}  // namespace gnomon
