// Ceiling: what may leave this machine at most, set on this machine alone.

#pragma once

#include <string>
#include <vector>

#include "agent/config.h"
#include "core/contact.h"

namespace gnomon {

// Ceiling holds every contact to what the local configuration allows. Nothing that a collector
// sends can raise it: it knows the configuration alone.
class Ceiling {
 public:
  explicit Ceiling(const Config& config)
      : users_(config.collect_users),
        programs_(config.collect_programs),
        evidence_(config.collect_evidence),
        unknowns_(config.report_unknowns) {}

  void hold(Contact& contact) const {
    if (!users_) {
      contact.user.clear();
    }
    if (!programs_) {
      contact.program.clear();
    }
    if (!evidence_) {
      contact.evidence.clear();
    }
  }

  // words says in sentences what may be collected and what may not, for `status`.
  std::vector<std::string> words() const {
    constexpr const char* kAlways =
        "Collected: which catalogued tools, and tools of the company's own, are contacted, in what "
        "role, when and how often. Never: addresses of pages, contents.";
    return {
        kAlways,
        users_ ? "Users: by a pseudonym that means nothing outside this machine."
               : "Users: not collected.",
        programs_ ? "Programs: by the name of the program file, never arguments."
                  : "Programs: not collected.",
        evidence_ ? "Reasons: sent with each stage, with the catalogued host they rest on."
                  : "Reasons: not sent.",
        unknowns_ ? "Hosts outside the catalogue: as keyed tokens; a domain's name only when the "
                    "collector asks because enough devices have it."
                  : "Hosts outside the catalogue: nothing, not even as tokens.",
    };
  }

 private:
  bool users_;
  bool programs_;
  bool evidence_;
  bool unknowns_;
};

}  // namespace gnomon
