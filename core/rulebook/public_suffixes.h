// Public suffixes: reads the list of publicsuffix.org, and checks names against it.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalog/pack_body.h"

namespace gnomon {

// PublicSuffixes reads one list file. The only door to libpsl and libidn2.
class PublicSuffixes {
 public:
  // open yields nullptr when the file cannot be read.
  static std::unique_ptr<PublicSuffixes> open(const std::string& path);

  virtual ~PublicSuffixes() = default;
  PublicSuffixes(const PublicSuffixes&) = delete;
  PublicSuffixes& operator=(const PublicSuffixes&) = delete;

  // is_registry tells whether registries sell names right below `name` ("com", "co.uk"). Suffixes
  // of the list's private part ("github.io") are not meant.
  virtual bool is_registry(const std::string& name) const = 0;
  // registrable gives the part that somebody registered, whole list; empty when there is none.
  virtual std::string registrable(const std::string& name) const = 0;
  // records gives the whole list for a pack, sorted.
  virtual const std::vector<SuffixRecord>& records() const = 0;

 protected:
  PublicSuffixes() = default;
};

// valid_a_labels tells whether every xn-- label of a name decodes (RFC 5891).
bool valid_a_labels(std::string_view name);

}  // namespace gnomon
