// InForce: what this machine collects and keeps right now.

#pragma once

#include <chrono>
#include <cstdint>

#include "core/contact.h"

namespace gnomon {

// InForce is what the collector's policy and the machine's own ceiling leave, and is handed from
// thread to thread as a value. ceiling.h makes it.
struct InForce {
  std::uint32_t policy_version = 0;  // 0: no policy, the configuration alone decides
  bool users = true;
  bool programs = true;
  bool evidence = true;
  bool unknowns = false;  // tokens of domains outside the catalogue, should anybody want them
  std::chrono::minutes window{15};
  std::chrono::days spool_age{30};

  bool operator==(const InForce&) const = default;

  // hold takes out of a contact what may not leave.
  void hold(Contact& contact) const {
    if (!users) {
      contact.user.clear();
    }
    if (!programs) {
      contact.program.clear();
    }
    if (!evidence) {
      contact.evidence.clear();
    }
  }
};

}  // namespace gnomon
